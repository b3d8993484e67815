"""Apache Kafka: its recipe and how its native program is started."""
