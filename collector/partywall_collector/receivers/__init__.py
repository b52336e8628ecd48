"""OTLP over gRPC and HTTP: a request becomes an acknowledged envelope, or a refusal."""
