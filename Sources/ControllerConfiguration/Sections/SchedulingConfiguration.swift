/// How long requests wait and models stay.
public struct SchedulingConfiguration: Sendable, Equatable {
    /// How long a request may wait for its model.
    public var queueTimeout: Duration
    /// How long a model that has become ready is safe from eviction.
    public var minimumResidency: Duration

    enum Key: String, CaseIterable {
        case queueTimeout = "queue_timeout"
        case minimumResidency = "minimum_residency"
    }

    init(_ reader: NodeReader?) {
        let section = reader?.section(Key.self)
        queueTimeout = section?[.queueTimeout]?.positiveDuration() ?? .seconds(120)
        minimumResidency = section?[.minimumResidency]?.duration() ?? .seconds(10)
    }
}
