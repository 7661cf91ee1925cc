import ControlProtocol

/// A core that is ready, or parked: does what its front end tells it.
actor ServingCore {
    private let arguments: SimulatedArguments
    private let executor: any Executor
    private var requests = 0

    init(arguments: SimulatedArguments, executor: any Executor) {
        self.arguments = arguments
        self.executor = executor
    }

    /// The answer to the front end; nil where it wants none.
    func answer(_ message: EngineMessage) async -> EngineMessage? {
        switch message {
        case .request:
            await count()
            return nil
        case .park:
            await executor.release()
            return .done
        case .unpark:
            return await unpark()
        case .done, .failed:
            return nil
        }
    }

    private func count() async {
        requests += 1
        if let limit = arguments.crashAfterRequests, requests >= limit { crash("sim-crash-after-requests") }
        do {
            try await executor.step()
        } catch {
            // As with vLLM: an engine whose step failed is dead.
            log("a step failed: ending", ["error": "\(error)"])
            endProcess(.failed)
        }
    }

    private func unpark() async -> EngineMessage {
        do {
            try await executor.attach()
            try await executor.run(.load, arguments)
            try await executor.run(.keyValueCache, arguments)
            await executor.started()
            return .done
        } catch {
            await executor.release()
            return .failed(reason: "\(error)")
        }
    }
}
