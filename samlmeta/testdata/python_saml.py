"""Parses metadata with OneLogin's python3-saml, and runs a service provider that is configured only with an identity provider's metadata.

python_saml.py read METADATA [CERTIFICATE]   the content of METADATA, and whether CERTIFICATE's key signed it
python_saml.py request                       settings on standard input; a sign-in request
python_saml.py accept                        settings and a response on standard input; the user who signed in
"""

import base64
import hashlib
import json
import sys

from onelogin.saml2.auth import OneLogin_Saml2_Auth
from onelogin.saml2.idp_metadata_parser import OneLogin_Saml2_IdPMetadataParser as Parser
from onelogin.saml2.utils import OneLogin_Saml2_Utils as Utils


def identity_provider(metadata):
    """The identity provider's settings from its metadata, HTTP-Redirect before HTTP-POST."""
    for binding in ("HTTP-Redirect", "HTTP-POST"):
        settings = Parser.parse(metadata, required_sso_binding="urn:oasis:names:tc:SAML:2.0:bindings:" + binding)
        if "singleSignOnService" in settings.get("idp", {}):
            return settings
    return settings


def certificates(idp):
    if "x509certMulti" in idp:
        return idp["x509certMulti"]["signing"]
    return [idp["x509cert"]]


def read(path, certificate=None):
    metadata = open(path, "rb").read()
    settings = identity_provider(metadata)
    idp = settings["idp"]
    prints = [hashlib.sha256(base64.b64decode(c)).hexdigest() for c in certificates(idp)]
    verified = False
    if certificate:
        verified = Utils.validate_metadata_sign(metadata, cert=open(certificate).read())
    return {
        "EntityID": idp["entityId"],
        "SSO": idp["singleSignOnService"]["url"],
        "NameID": settings.get("sp", {}).get("NameIDFormat"),
        "Fingerprint": prints,
        "Verified": bool(verified),
    }


def provider(question):
    """A service provider that is configured only with the identity provider's metadata."""
    settings = identity_provider(question["Metadata"].encode())
    settings["strict"] = True
    settings["sp"] = {
        "entityId": question["EntityID"],
        "assertionConsumerService": {"url": question["ACS"]},
        "NameIDFormat": settings["sp"]["NameIDFormat"],
    }
    settings["security"] = {"wantAssertionsSigned": True, "wantNameId": True, "rejectDeprecatedAlgorithm": True}
    host, path = question["ACS"][len("https://"):].split("/", 1)
    request = {"https": "on", "http_host": host, "script_name": "/" + path, "get_data": {}, "post_data": {}}
    if question.get("Response"):
        request["post_data"] = {"SAMLResponse": question["Response"]}
    return OneLogin_Saml2_Auth(request, settings)


def request(question):
    auth = provider(question)
    return {"URL": auth.login(), "ID": auth.get_last_request_id()}


def accept(question):
    auth = provider(question)
    auth.process_response(request_id=question["ID"])
    return {
        "NameID": auth.get_nameid(),
        "Format": auth.get_nameid_format(),
        "Errors": auth.get_errors(),
        "Reason": auth.get_last_error_reason(),
        "Authenticated": auth.is_authenticated(),
    }


if sys.argv[1] == "read":
    try:
        answer = read(*sys.argv[2:])
    except Exception as e:  # the metadata is rejected
        answer = {"Error": repr(e)}
else:
    answer = {"request": request, "accept": accept}[sys.argv[1]](json.load(sys.stdin))
json.dump(answer, sys.stdout)
