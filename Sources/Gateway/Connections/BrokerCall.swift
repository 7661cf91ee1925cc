import Scheduling

/// Asks the broker for an engine, for a request that another engine may just have failed.
enum BrokerCall {
    /// We notice that an engine has ended by its connection, the controller by its process: either may be first. So for a
    /// moment the broker may give the dead engine once more; so often, and with such pauses, it is asked again.
    private static let attempts = 20
    private static let pause = Duration.milliseconds(50)

    /// - Parameter lost: the engine that just failed.
    static func admit(
        _ request: WaitingRequest, by broker: any RequestBroker, after lost: Generation?
    ) async throws -> Admission {
        for _ in 1..<attempts {
            let admission = try await broker.admit(request)
            guard admission.route.generation == lost else { return admission }
            _ = PermitHold(taken: admission.route)  // given back at once
            try await Task.sleep(for: pause)
        }
        return try await broker.admit(request)
    }
}
