import ControlProtocol
import Glibc
import NIOCore
import NIOPosix
import Synchronization

/// An executor's connection to the worker of one rank, attached.
final class WorkerConnection: Sendable {
    private let worker: LeasedWorker
    private let rank: Int
    private let exchange: Exchange<WorkerMessage>
    private let isLetGo = Atomic(false)

    /// Connects, looks who is there, and attaches.
    static func attach(to worker: LeasedWorker, rank: Int, under grant: LeaseGrant) async throws -> WorkerConnection {
        do {
            let exchange = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .connect(unixDomainSocketPath: worker.socket) { channel in
                    channel.eventLoop.makeCompletedFuture { try Exchange<WorkerMessage>(channel) }
                }
            let connection = WorkerConnection(worker, rank, exchange)
            do {
                try await connection.attach(grant)
            } catch {
                connection.letGo()
                throw error
            }
            return connection
        } catch let error as ExecutorError {
            throw error
        } catch {
            throw ExecutorError.worker(process: worker.process, rank: rank, reason: "\(error)")
        }
    }

    private init(_ worker: LeasedWorker, _ rank: Int, _ exchange: Exchange<WorkerMessage>) {
        self.worker = worker
        self.rank = rank
        self.exchange = exchange
    }

    /// Has the worker do its part; throws an `ExecutorError` if it cannot, or ends.
    ///
    /// - Parameter sent: called when the order is on its way.
    func carryOut(_ order: WorkerMessage, sent: @escaping @Sendable () -> Void) async throws {
        switch await answer(to: order, sent: sent) {
        case .success(.done): return
        case .success(.failed(let reason)): throw failure(reason)
        case .success(let answer): throw failure("answered with \(answer)")
        case .failure(let error): throw failure("\(error)")
        }
    }

    /// Calls this when the worker's connection ends, or at once if it has; not if it was let go.
    func whenLost(_ body: @escaping @Sendable (ExecutorError) -> Void) {
        exchange.ended.whenComplete { _ in
            if !self.isLetGo.load(ordering: .acquiring) { body(self.failure("\(ConnectionEnded())")) }
        }
    }

    func letGo() {
        isLetGo.store(true, ordering: .releasing)
        exchange.close()
    }

    private func attach(_ grant: LeaseGrant) async throws {
        let peer = try await exchange.peer()
        guard peer.uid == getuid(), Int(peer.pid) == worker.pid else {
            throw failure("pid \(peer.pid) of uid \(peer.uid) listens in its place")
        }
        switch await answer(to: .attach(engine: grant.engine, generation: grant.generation, rank: rank)) {
        case .success(.attached): return
        case .success(.refused(let reason)): throw failure("refused: \(reason)")
        case .success(let answer): throw failure("answered with \(answer)")
        case .failure(let error): throw failure("\(error)")
        }
    }

    private func answer(
        to message: WorkerMessage, sent: @escaping @Sendable () -> Void = {}
    ) async -> Result<WorkerMessage, any Error> {
        do {
            return .success(try await exchange.ask(message, sent: sent))
        } catch {
            return .failure(error)
        }
    }

    private func failure(_ reason: String) -> ExecutorError {
        .worker(process: worker.process, rank: rank, reason: reason)
    }
}
