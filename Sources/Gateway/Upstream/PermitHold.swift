import NIOCore
import Scheduling

/// A permit of one engine in our hands. It cannot be copied, so it is given back exactly once: when it is let go.
struct PermitHold: ~Copyable {
    let route: EngineRoute

    /// Takes over a permit that somebody took for us.
    init(taken route: EngineRoute) { self.route = route }

    deinit {
        // NIO's clock is CLOCK_MONOTONIC, which the controller's moments are of too.
        route.permits.release(at: Moment(nanoseconds: Int64(clamping: NIODeadline.now().uptimeNanoseconds)))
    }

    /// A permit of the model's engine with the fewest requests; nil if no engine has one to give.
    static func take(from model: ModelRoute) -> PermitHold? {
        guard let calmest = model.engines.min(by: { $0.permits.inFlight < $1.permits.inFlight }) else { return nil }
        if calmest.permits.take() { return PermitHold(taken: calmest) }
        // It may be draining, or full by now; another may not.
        for route in model.engines where route.permits.take() { return PermitHold(taken: route) }
        return nil
    }
}
