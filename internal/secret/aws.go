package secret

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go"

	"github.com/seed-d64a251c/roster/internal/neterror"
	"github.com/seed-d64a251c/roster/schema"
)

// aws reads a secret from Secrets Manager or a parameter from Parameter Store, with the default
// credentials of the SDK.
func (r *Resolver) aws(ctx context.Context, ref *schema.AWSRef) (string, error) {
	configure := r.AWS
	if configure == nil {
		configure = func(ctx context.Context, region string) (aws.Config, error) {
			return config.LoadDefaultConfig(ctx, config.WithRegion(region))
		}
	}
	cfg, err := configure(ctx, ref.Region)
	if err != nil {
		return "", fmt.Errorf("configure the AWS SDK: %w", err)
	}
	if cfg.Region == "" {
		return "", errors.New("no AWS region: add `region` to the reference, or set AWS_REGION")
	}
	text, err := "", error(nil)
	if name := ref.SecretsManager; name != "" {
		text, err = secretsManager(ctx, cfg, name)
	} else {
		text, err = parameterStore(ctx, cfg, ref.ParameterStore)
	}
	if err != nil {
		return "", fmt.Errorf("read %s: %w", Describe(&schema.SecretRef{AWS: ref}), apiError(err))
	}
	if ref.Key == "" {
		return text, nil
	}
	return jsonValue(text, ref)
}

func secretsManager(ctx context.Context, cfg aws.Config, name string) (string, error) {
	out, err := secretsmanager.NewFromConfig(cfg).GetSecretValue(ctx,
		&secretsmanager.GetSecretValueInput{SecretId: &name})
	if err != nil {
		return "", err
	}
	if out.SecretString != nil {
		return *out.SecretString, nil
	}
	return string(out.SecretBinary), nil
}

func parameterStore(ctx context.Context, cfg aws.Config, name string) (string, error) {
	out, err := ssm.NewFromConfig(cfg).GetParameter(ctx, &ssm.GetParameterInput{Name: &name,
		WithDecryption: aws.Bool(true)})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.Parameter.Value), nil
}

// noCredentials is in the text of the SDK's error if it finds no credentials. It has no type.
const noCredentials = "failed to refresh cached credentials"

// apiError reduces an error of the SDK to the code and message of the API, or to the reason for
// which the API did not answer.
func apiError(err error) error {
	var api smithy.APIError
	if errors.As(err, &api) {
		return fmt.Errorf("%s: %s", api.ErrorCode(), api.ErrorMessage())
	}
	if strings.Contains(err.Error(), noCredentials) {
		return errors.New("no AWS credentials are found: give this machine a role, or set AWS_PROFILE or " +
			"AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
	}
	var deserialization *smithy.DeserializationError
	if errors.As(err, &deserialization) {
		return errors.New("the answer is not of the API of AWS: does a proxy or a sign-in page stand before it?")
	}
	return neterror.Explain(err)
}

// jsonValue returns the value of one key of a secret that is a JSON object. The console of Secrets
// Manager creates such secrets.
func jsonValue(text string, ref *schema.AWSRef) (string, error) {
	source := Describe(&schema.SecretRef{AWS: ref})
	var object map[string]any
	if json.Unmarshal([]byte(text), &object) != nil { // the cause might quote the secret
		return "", fmt.Errorf("%s is not a JSON object, so it has no key %q", source, ref.Key)
	}
	value, ok := object[ref.Key].(string)
	if !ok {
		return "", fmt.Errorf("the key %q of %s is missing or is not a string", ref.Key, source)
	}
	return value, nil
}
