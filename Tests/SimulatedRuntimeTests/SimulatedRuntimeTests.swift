import Testing

/// Tests with real processes. They wait in blocking calls and share two small machines' worth of cores: one at a time.
@Suite(.serialized) enum SimulatedRuntimeTests {}
