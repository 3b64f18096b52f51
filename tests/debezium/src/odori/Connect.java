package odori;

import io.debezium.engine.DebeziumEngine;
import io.debezium.engine.RecordChangeEvent;
import io.debezium.engine.format.ChangeEventFormat;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.connect.header.Header;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.storage.Converter;
import org.apache.kafka.connect.storage.HeaderConverter;

/** What Kafka Connect does with one source connector: Debezium's embedded engine runs it, the converters
 *  of its configuration write what it yields, and a batch is noted when the broker has all of it. */
public final class Connect implements DebeziumEngine.ChangeConsumer<RecordChangeEvent<SourceRecord>> {
  private final Converter keys;
  private final Converter values;
  private final HeaderConverter headers;
  private final KafkaProducer<byte[], byte[]> producer;

  private Connect(Properties properties) throws ReflectiveOperationException {
    keys = made(properties, "key.converter", Converter.class);
    keys.configure(Map.of(), true);
    values = made(properties, "value.converter", Converter.class);
    values.configure(Map.of(), false);
    headers = made(properties, "header.converter", HeaderConverter.class);
    headers.configure(Map.of("converter.type", "header"));
    producer = new KafkaProducer<>(
        Map.of(ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, properties.getProperty("bootstrap.servers")),
        new ByteArraySerializer(), new ByteArraySerializer());
  }

  private static <T> T made(Properties properties, String name, Class<T> kind)
      throws ReflectiveOperationException {
    return kind.cast(Class.forName(properties.getProperty(name)).getDeclaredConstructor().newInstance());
  }

  @Override
  public void handleBatch(List<RecordChangeEvent<SourceRecord>> batch,
      DebeziumEngine.RecordCommitter<RecordChangeEvent<SourceRecord>> committer) throws InterruptedException {
    List<Future<RecordMetadata>> sent = new ArrayList<>();
    for (RecordChangeEvent<SourceRecord> event : batch) {
      sent.add(producer.send(written(event.record())));
    }
    for (int i = 0; i < batch.size(); i++) {
      try {
        sent.get(i).get();
      } catch (ExecutionException lost) {
        throw new IllegalStateException("the broker does not take it", lost.getCause());
      }
      committer.markProcessed(batch.get(i));
    }
    committer.markBatchFinished();
  }

  private ProducerRecord<byte[], byte[]> written(SourceRecord record) {
    String topic = record.topic();
    ProducerRecord<byte[], byte[]> written = new ProducerRecord<>(topic, record.kafkaPartition(), record.timestamp(),
        keys.fromConnectData(topic, record.keySchema(), record.key()),
        values.fromConnectData(topic, record.valueSchema(), record.value()));
    for (Header header : record.headers()) {
      byte[] text = headers.fromConnectHeader(topic, header.key(), header.schema(), header.value());
      written.headers().add(header.key(), text);
    }
    return written;
  }

  /** Run the connector of this .properties file until it fails. */
  public static void main(String[] arguments) throws Exception {
    Properties properties = new Properties();
    try (var file = Files.newBufferedReader(Path.of(arguments[0]))) {
      properties.load(file);
    }
    try (var engine = DebeziumEngine.create(ChangeEventFormat.of(io.debezium.embedded.Connect.class))
        .using(properties).notifying(new Connect(properties)).build()) {
      engine.run();
    }
    System.exit(1);
  }
}
