/// Where a request goes that no route snapshot could send on. Implemented by the controller, used by the gateway.
public protocol RequestBroker: Sendable {
    /// Waits until the request may go to an engine, and starts one if need be. Cancelling the calling task withdraws the
    /// request; a start that it caused goes on.
    ///
    /// - Returns: where to send it, with a permit **taken**: the caller gives it back with `release(at:)`.
    /// - Throws: `ControllerError`, the reason for the refusal.
    func admit(_ request: WaitingRequest) async throws -> Admission
}

/// What the decision core is told of a waiting request. Its bytes stay with the event loop.
public struct WaitingRequest: Sendable {
    /// A name as in `RouteSnapshot.models`.
    public let model: String
    /// What it holds in memory while it waits; counted against `limits.queue_bytes`.
    public let bytes: Int

    public init(model: String, bytes: Int) {
        self.model = model
        self.bytes = bytes
    }
}

/// The answer to a waiting request.
public struct Admission: Sendable {
    public let route: EngineRoute
    /// `cold` if it waited for a start, however the model stood when it came.
    public let tier: Tier
    /// What it waited for, in order, for `Server-Timing`: `queue`, then the stages of the start it waited for, if any.
    public let timings: [StageTime]

    public init(route: EngineRoute, tier: Tier, timings: [StageTime]) {
        self.route = route
        self.tier = tier
        self.timings = timings
    }
}

/// How long one stage took.
public struct StageTime: Sendable, Hashable, Codable {
    public let stage: String
    public let milliseconds: Double

    public init(stage: String, milliseconds: Double) {
        self.stage = stage
        self.milliseconds = milliseconds
    }

    enum CodingKeys: String, CodingKey {
        case stage
        case milliseconds = "ms"
    }
}

/// Who wants to know of new routes. Implemented by the gateway, called by the controller, in order.
public protocol RoutePublisher: Sendable {
    func publish(_ snapshot: RouteSnapshot)
}
