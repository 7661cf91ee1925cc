import NIOPosix
import Scheduling
import Synchronization

/// Looks at model folders, on threads that may block: a file system may hang, and reading all of a model takes long.
struct ModelInspector: Sendable {
    let catalog: ModelCatalog
    let threads: NIOThreadPool

    /// For looks that nobody waits for, so that those can not hold up the looks that starts wait for. Never shut down, as its
    /// threads may be stuck.
    static let background: NIOThreadPool = {
        let threads = NIOThreadPool(numberOfThreads: 2)
        threads.start()
        return threads
    }()

    /// - Returns: nil if the task was cancelled: the controller is ending, and nobody waits for it.
    func inspect(_ model: String) async -> Result<ModelInspection, ControllerError>? {
        do {
            return .success(try await look(at: model))
        } catch let error as ControllerError {
            return .failure(error)
        } catch is CancellationError {
            return nil
        } catch {
            return .failure(ControllerError(.startFailed, "'\(model)' cannot be read: \(error)"))
        }
    }

    private func look(at model: String) async throws -> ModelInspection {
        let cancellation = Cancellation()
        return try await withTaskCancellationHandler {
            try await threads.runIfActive { [catalog] in
                try catalog.inspect(model) { cancellation.isWanted.load(ordering: .relaxed) }
            }
        } onCancel: {
            cancellation.isWanted.store(true, ordering: .relaxed)
        }
    }

    private final class Cancellation: Sendable {
        let isWanted = Atomic<Bool>(false)
    }
}
