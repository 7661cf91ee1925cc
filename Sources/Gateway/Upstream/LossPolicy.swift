/// What follows when an upstream ends before its response has.
struct LossPolicy {
    enum Step: Equatable {
        /// The same upstream over a new connection.
        case connectAgain
        /// Whatever engine the broker gives.
        case askBroker
        /// Tell the client that it failed.
        case refuse
        /// Part of the response has left: end it with an error event.
        case endStream
        /// Part of the response has left: end the connection, so that nobody takes the part for the whole.
        case cut
    }

    private var hasAskedAgain = false

    /// - Parameters:
    ///   - isEngine: false for the management app, to which nothing is sent twice.
    ///   - wasReused: the connection may have ended before the request was sent.
    ///   - hasAnswered: the response has begun.
    ///   - isOpenStream: the response is a stream of events to which something can be added.
    mutating func afterLoss(isEngine: Bool, wasReused: Bool, hasAnswered: Bool, isOpenStream: Bool) -> Step {
        if hasAnswered { return isOpenStream ? .endStream : .cut }
        if wasReused { return .connectAgain }
        if !isEngine || hasAskedAgain { return .refuse }
        hasAskedAgain = true
        return .askBroker
    }
}
