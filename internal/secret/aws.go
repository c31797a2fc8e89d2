package secret

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go"

	"github.com/seed-d64a251c/roster/schema"
)

// aws reads a secret of Secrets Manager or a parameter of Parameter Store, with the credentials that the SDK finds.
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
		return "", fmt.Errorf("read %s: %w", describe(&schema.SecretRef{AWS: ref}), explained(err))
	}
	if ref.Key == "" {
		return text, nil
	}
	return member(text, ref)
}

func secretsManager(ctx context.Context, cfg aws.Config, name string) (string, error) {
	out, err := secretsmanager.NewFromConfig(cfg).GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &name})
	if err != nil {
		return "", err
	}
	if out.SecretString != nil {
		return *out.SecretString, nil
	}
	return string(out.SecretBinary), nil
}

func parameterStore(ctx context.Context, cfg aws.Config, name string) (string, error) {
	out, err := ssm.NewFromConfig(cfg).GetParameter(ctx, &ssm.GetParameterInput{Name: &name, WithDecryption: aws.Bool(true)})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.Parameter.Value), nil
}

// explained shortens what the SDK says of a refusal to its code and message, with the region's request id left out.
func explained(err error) error {
	var api smithy.APIError
	if errors.As(err, &api) {
		return fmt.Errorf("%s: %s", api.ErrorCode(), api.ErrorMessage())
	}
	return err
}

// member takes one key out of a secret that is a JSON object, as the console of Secrets Manager writes them.
func member(text string, ref *schema.AWSRef) (string, error) {
	what := describe(&schema.SecretRef{AWS: ref})
	var object map[string]any
	if json.Unmarshal([]byte(text), &object) != nil { // the error would repeat a part of the secret
		return "", fmt.Errorf("%s is not a JSON object, so it has no key %q", what, ref.Key)
	}
	value, ok := object[ref.Key].(string)
	if !ok {
		return "", fmt.Errorf("%s has no text under the key %q", what, ref.Key)
	}
	return value, nil
}
