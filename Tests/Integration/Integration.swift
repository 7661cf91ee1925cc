import TestSupport
import Testing

/// The real controller with the simulated runtime, as a client sees them. One after the other: a test may look at times.
@Suite(.serialized, .timeLimit(.minutes(3)))
enum Integration {}

extension TestModel {
    /// The core is ready long before the front end is: all of its stages were told by then.
    static let coreFirst = ["sim-app-ms": "300"]
}
