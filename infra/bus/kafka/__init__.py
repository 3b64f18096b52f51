"""Kafka by aiokafka: plain records in and out, without knowing what they say."""
