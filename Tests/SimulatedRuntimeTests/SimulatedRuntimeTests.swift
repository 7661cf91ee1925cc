import Testing

/// Tests with real processes. They wait in blocking calls, so one at a time.
@Suite(.serialized) enum SimulatedRuntimeTests {}
