-- A topic with one OTLP ExportTraceServiceRequest a message, as the engine reads it.
CREATE TABLE IF NOT EXISTS {name} (
    {resource_spans}
)
ENGINE = Kafka
SETTINGS kafka_broker_list = {brokers}, kafka_topic_list = {topic}, kafka_group_name = {group},
    kafka_format = 'ProtobufSingle', kafka_schema = 'partywall.proto:Request',
    kafka_num_consumers = {consumers}, kafka_handle_error_mode = 'stream'
