import ControlProtocol
import Foundation
import NIOCore

/// What the HTTP server needs to know about its engine.
struct ServedEngine: Sendable {
    let names: [String]
    let path: String
    let weights: Weights
    let contextLength: Int
    let pacing: Pacing
    /// Seconds since 1970, for `created`.
    let created = Int(Date.now.timeIntervalSince1970)
    /// Its progress counts requests and tokens.
    let vitals: Vitals
    private let core: EngineLink.Listener
    private let tellsCore: Bool

    init(
        assignment: Assign, weights: Weights, arguments: SimulatedArguments, vitals: Vitals, core: EngineLink.Listener
    ) {
        names = assignment.names
        path = assignment.path
        self.weights = weights
        contextLength = arguments.contextLength
        pacing = Pacing(
            firstToken: TimeAmount(arguments.firstToken),
            perToken: arguments.tokensPerSecond.map { .nanoseconds(Int64(1e9 / max($0, 1e-6))) })
        self.vitals = vitals
        self.core = core
        // A remote executor has a step to do for each.
        tellsCore = arguments.crashAfterRequests != nil || assignment.executor == .remote
    }

    func tookRequest() {
        vitals.add()
        if tellsCore { core.countRequest() }
    }
}

/// When tokens come.
struct Pacing: Sendable {
    let firstToken: TimeAmount
    /// Nil: all at once.
    let perToken: TimeAmount?

    /// How long after the request the token of this index is there.
    func due(_ index: Int) -> TimeAmount {
        let (wait, overflow) = (perToken?.nanoseconds ?? 0).multipliedReportingOverflow(by: Int64(index))
        return firstToken + .nanoseconds(overflow ? Int64.max / 2 : min(wait, Int64.max / 2))
    }
}
