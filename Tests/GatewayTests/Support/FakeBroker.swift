import Scheduling

/// Notes who asks, and answers when the test says so.
final class FakeBroker: RequestBroker, Sendable {
    struct Call: Sendable {
        let request: WaitingRequest
        var isCancelled = false
        var continuation: CheckedContinuation<Admission, any Error>?
    }

    let calls = Watched<[Call]>([])

    func admit(_ request: WaitingRequest) async throws -> Admission {
        let number = calls.update { calls in
            calls.append(Call(request: request))
            return calls.count - 1
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let isCancelled = calls.update { calls in
                    if !calls[number].isCancelled { calls[number].continuation = continuation }
                    return calls[number].isCancelled
                }
                if isCancelled { continuation.resume(throwing: CancellationError()) }
            }
        } onCancel: {
            let continuation = calls.update { calls in
                calls[number].isCancelled = true
                return calls[number].continuation.take()
            }
            continuation?.resume(throwing: CancellationError())
        }
    }

    /// Answers the `number`th call, counted from 0, once it has come.
    func answer(_ number: Int, with result: Result<Admission, any Error>) async throws {
        let continuation = try await calls.wait(for: "call \(number) of the broker") {
            $0.count > number ? $0[number].continuation : nil
        }
        calls.update { $0[number].continuation = nil }
        continuation.resume(with: result)
    }
}
