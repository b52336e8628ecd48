"""The keys of the extensions: who knows the senders, and the health check."""

from dataclasses import dataclass, field

from partywall_collector.component_values import Duration, Endpoint, Secret, about


@dataclass(frozen=True, slots=True)
class RegistryAuth:
    """The principals of the registry, by bearer token or by the SPIFFE id of their certificate.

    A certificate counts where `tls.client_ca_file` is set and no `Authorization` header is sent.
    """

    refresh_interval: Duration = field(
        default=Duration(5.0),
        metadata=about(
            "How often the principals are read again: what was revoked lives no longer.",
            least=0.1,
        ),
    )


@dataclass(frozen=True, slots=True)
class Oidc:
    """JSON Web Tokens of an OpenID Connect issuer; its subjects are principals of the registry.

    One extension an issuer: `oidc/staff`, `oidc/cluster`. RS, PS, ES and EdDSA signatures are
    taken, and only with the kind of key that fits; `none` and HMAC never.
    """

    issuer_url: str = field(
        default="", metadata=about("The issuer, as its tokens name it (`iss`), https. Required.")
    )
    issuer_ca_path: str = field(
        default="", metadata=about("Who signs the issuer's certificate, PEM, if not a public CA.")
    )
    audience: str = field(
        default="", metadata=about("What its tokens must name as audience (`aud`). Required.")
    )
    username_claim: str = field(
        default="sub",
        metadata=about("The claim that names the sender: the `jwt.subject` of a principal."),
    )
    leeway: Duration = field(
        default=Duration(60.0), metadata=about("How much the clocks may differ.")
    )
    refresh_interval: Duration = field(
        default=Duration(300.0),
        metadata=about(
            "How often the issuer's keys are fetched again; sooner for a key that is not known. "
            "While the issuer is down the last keys stay.",
            least=0.1,
        ),
    )


@dataclass(frozen=True, slots=True)
class BearerTokenAuth:
    """A fixed token of one principal of the registry, from the environment or a file."""

    principal: str = field(
        default="",
        metadata=about(
            "The principal that sends with this token. Required: a token without one says nothing "
            "of tenants."
        ),
    )
    scheme: str = field(
        default="Bearer", metadata=about("What stands before the token in `Authorization`.")
    )
    token: Secret = field(default=Secret(""), metadata=about("The token, best as `${env:NAME}`."))
    filename: str = field(
        default="",
        metadata=about(
            "A file with the token, or with one a line; read again when it changes. "
            "In place of `token`."
        ),
    )


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """Answers 200 while the collector takes spans, 503 while it does not."""

    endpoint: Endpoint = field(
        default=Endpoint("127.0.0.1:13133"), metadata=about("Where to listen.")
    )
    path: str = field(default="/", metadata=about("The path that answers."))


Authenticator = RegistryAuth | Oidc | BearerTokenAuth
"""The extensions that a receiver can name as its authenticator."""
