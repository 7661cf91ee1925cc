import Scheduling

extension WorkerController: RequestBroker {
    public func admit(_ request: WaitingRequest) async throws -> Admission {
        guard !isAborted else { throw Self.aborted }
        let id = RequestID(nextNumber())
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                waiting[id] = WaitingCaller(continuation: continuation, request: request, since: .now)
                feed(.request(id, model: request.model, bytes: request.bytes))
            }
        } onCancel: {
            // Not a job: jobs end first when the controller fails, and this must be answered even then.
            Task { await self.withdraw(id) }
        }
    }

    private func withdraw(_ id: RequestID) {
        guard let caller = waiting.removeValue(forKey: id) else { return }
        caller.continuation.resume(throwing: CancellationError())
        feed(.withdraw(id))
    }
}
