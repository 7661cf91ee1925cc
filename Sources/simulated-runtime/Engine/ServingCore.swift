import ControlProtocol

/// A core that is ready, or parked: does what its front end tells it.
actor ServingCore {
    private let arguments: SimulatedArguments
    private let executor: any Executor
    private let stages: Stages
    private var requests = 0

    /// - Parameter stages: those of its start; what tells them tells those of its workers' return.
    init(arguments: SimulatedArguments, executor: any Executor, stages: Stages) {
        self.arguments = arguments
        self.executor = executor
        self.stages = stages
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
        var stages = stages
        stages.restart()
        do {
            try await executor.start(arguments, &stages)
            return .done
        } catch {
            await executor.release()
            return .failed(reason: "\(error)")
        }
    }
}
