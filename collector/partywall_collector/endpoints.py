"""The keys of the `otlp` receiver: where it listens, who may connect, how much it takes."""

from dataclasses import dataclass, field

from partywall_collector.component_values import Duration, Endpoint, Names, about


@dataclass(frozen=True, slots=True)
class Auth:
    """Who checks the senders of a protocol."""

    authenticator: Names = field(
        default=Names(()),
        metadata=about(
            "The extension that knows the senders, or a list of several, which are asked in their "
            "order. Required."
        ),
    )


@dataclass(frozen=True, slots=True)
class Tls:
    """Encrypts a protocol; with `client_ca_file` every sender needs a certificate too."""

    cert_file: str = field(
        default="", metadata=about("The server's certificate chain, PEM. Required in `tls`.")
    )
    key_file: str = field(default="", metadata=about("Its private key, PEM. Required in `tls`."))
    client_ca_file: str = field(
        default="",
        metadata=about(
            "Who signs the certificates of senders, PEM. With it no sender connects without one; "
            "the SPIFFE id in it names a principal."
        ),
    )
    min_version: str = field(
        default="1.2",
        metadata=about(
            "The oldest TLS version. gRPC takes 1.2 and newer, which cannot be narrowed here.",
            choices=("1.2", "1.3"),
        ),
    )
    reload_interval: Duration = field(
        default=Duration(60.0),
        metadata=about("How often changed files are looked for when a sender connects."),
    )


@dataclass(frozen=True, slots=True)
class ServerParameters:
    """How long a connection lasts; 0s is without end."""

    max_connection_idle: Duration = field(
        default=Duration(0.0), metadata=about("A connection without calls is closed after this.")
    )
    max_connection_age: Duration = field(
        default=Duration(0.0),
        metadata=about(
            "Any connection is closed after this, so that senders spread over several collectors."
        ),
    )
    max_connection_age_grace: Duration = field(
        default=Duration(10.0), metadata=about("How long the calls of such a connection may run.")
    )
    time: Duration = field(
        default=Duration(7200.0), metadata=about("A silent connection is pinged after this.")
    )
    timeout: Duration = field(
        default=Duration(20.0), metadata=about("It is closed when the ping has no answer in this.")
    )


@dataclass(frozen=True, slots=True)
class EnforcementPolicy:
    """How often senders may ping."""

    min_time: Duration = field(
        default=Duration(300.0), metadata=about("Who pings more often is disconnected.")
    )
    permit_without_stream: bool = field(
        default=False, metadata=about("Whether pings without a call are allowed.")
    )


@dataclass(frozen=True, slots=True)
class Keepalive:
    """The life of connections."""

    server_parameters: ServerParameters = field(default_factory=ServerParameters)
    enforcement_policy: EnforcementPolicy = field(default_factory=EnforcementPolicy)


@dataclass(frozen=True, slots=True)
class Grpc:
    """OTLP/gRPC."""

    endpoint: Endpoint = field(
        default=Endpoint("127.0.0.1:4317"), metadata=about("Where to listen.")
    )
    max_recv_msg_size_mib: int = field(
        default=64,
        metadata=about("The largest request in MiB, before and after decompression.", least=1),
    )
    max_concurrent_streams: int = field(
        default=100, metadata=about("The most calls at a time on one connection.", least=1)
    )
    keepalive: Keepalive = field(default_factory=Keepalive)
    tls: Tls | None = None
    auth: Auth = field(default_factory=Auth)


@dataclass(frozen=True, slots=True)
class Cors:
    """Lets pages of browsers send."""

    allowed_origins: Names = field(
        default=Names(()),
        metadata=about(
            "The origins of the pages, as `https://*.example.com`; `*` stands for any characters. "
            "Required in `cors`."
        ),
    )
    allowed_headers: Names = field(
        default=Names(()),
        metadata=about(
            "Headers that a page may send beside those of OTLP and `Authorization`; `*` is any."
        ),
    )
    max_age: int = field(
        default=5, metadata=about("Seconds for which a browser remembers the answer.", least=0)
    )


@dataclass(frozen=True, slots=True)
class Http:
    """OTLP/HTTP: protobuf and JSON."""

    endpoint: Endpoint = field(
        default=Endpoint("127.0.0.1:4318"), metadata=about("Where to listen.")
    )
    traces_url_path: str = field(
        default="/v1/traces", metadata=about("The path that takes traces.")
    )
    logs_url_path: str = field(
        default="/v1/logs",
        metadata=about("The path that takes governance events, where a pipeline `logs` has it."),
    )
    registry_url_path: str = field(
        default="/v1/registry",
        metadata=about(
            "The path that takes entries of the registry, where a pipeline `logs` has it."
        ),
    )
    max_request_body_size: int = field(
        default=64 << 20,
        metadata=about("The largest request in bytes, before and after decompression.", least=1),
    )
    read_timeout: Duration = field(
        default=Duration(60.0),
        metadata=about(
            "A request must be here whole this long after its first byte; a connection that is "
            "slower, or sends nothing, is closed.",
            least=1,
        ),
    )
    cors: Cors | None = None
    tls: Tls | None = None
    auth: Auth = field(default_factory=Auth)


@dataclass(frozen=True, slots=True)
class Protocols:
    """A protocol is served when its key is there, also with nothing below it."""

    grpc: Grpc | None = None
    http: Http | None = None


@dataclass(frozen=True, slots=True)
class OtlpReceiver:
    """Takes traces and governance events over OTLP.

    Every sender needs a principal: there is no open receiver.
    """

    protocols: Protocols = field(default_factory=Protocols)
