import ControlProtocol
import Foundation

/// Leases workers from the controller and drives them.
actor RemoteExecutor: Executor {
    private static let releasePatience = Duration.seconds(1)

    private let wish: ExecutorWish
    private let vitals: Vitals
    private let reached: @Sendable (ExecutorMilestone) -> Void
    private let ended: @Sendable (ProcessEnd) -> Void
    private var link: ExecutorLink?
    private(set) var grant: LeaseGrant?
    private var workers: [WorkerConnection] = []
    /// Why the present workers are of no use any more.
    private var loss: ExecutorError?
    private var releasing: Task<Void, Never>?

    /// - Parameters:
    ///   - reached: called at each milestone.
    ///   - ended: called when a worker has ended after `started`, or the workers were revoked.
    init(
        _ wish: ExecutorWish, vitals: Vitals, reached: @escaping @Sendable (ExecutorMilestone) -> Void = { _ in },
        ended: @escaping @Sendable (ProcessEnd) -> Void
    ) {
        self.wish = wish
        self.vitals = vitals
        self.reached = reached
        self.ended = ended
    }

    func attach() async throws {
        guard grant == nil else { throw ExecutorError.unexpected(answer: "there is a lease already") }
        let grant = try await lease()
        self.grant = grant
        loss = nil
        reached(.grant)
        do {
            guard grant.workers.count == wish.worldSize else {
                throw ExecutorError.unexpected(answer: "\(grant.workers.count) workers instead of \(wish.worldSize)")
            }
            for (rank, worker) in grant.workers.enumerated() {
                workers.append(try await WorkerConnection.attach(to: worker, rank: rank, under: grant))
                if rank == 0 { reached(.attach) }
            }
        } catch {
            await release()
            throw error
        }
    }

    func run(_ stage: StartStage, _ arguments: SimulatedArguments) async throws {
        try await carryOut(
            .stage(stage, arguments: arguments.values, worldSize: wish.worldSize),
            reaching: stage == .load ? .load : .keyValueCache)
    }

    func started() {
        reached(.ready)
        let ended = ended
        for worker in workers {
            worker.whenLost { error in
                log("the engine lost a worker", ["error": "\(error)"])
                ended(.workersLost)
            }
        }
    }

    func step() async throws {
        try await carryOut(.step, reaching: .step)
        vitals.add()
    }

    /// The workers are let go first; then the controller is told, if it is there.
    func release() async {
        if let releasing { return await releasing.value }
        guard let grant else { return }
        let task = Task { await giveBack(grant) }
        releasing = task
        await task.value
        releasing = nil
    }

    private func giveBack(_ lease: LeaseGrant) async {
        letGo()
        guard let link else { return }
        do {
            let answer = try await link.request(within: Self.releasePatience) { id, _ in
                .leaseRelease(LeaseRelease(id: id, engine: lease.engine, generation: lease.generation))
            }
            if case .done = answer { return }
            log("the release of the workers failed", ["answer": "\(answer)"])
        } catch {
            log("the release of the workers was not heard", ["error": "\(error)"])
        }
    }

    private func lease() async throws -> LeaseGrant {
        let link = try await connected()
        let (wish, reached) = (wish, reached)
        let answer: ControlMessage
        do {
            answer = try await link.request(within: wish.patience, sent: { reached(.request) }) { id, deadline in
                .leaseRequest(
                    LeaseRequest(
                        id: id, deadlineMilliseconds: deadline, worldSize: wish.worldSize, model: wish.model,
                        deviceType: wish.deviceType, footprintBytes: wish.footprintBytes, versions: wish.versions))
            }
        } catch {
            // A grant that comes too late would be a lease that nobody knows of.
            link.close()
            throw error
        }
        switch answer {
        case .leaseGrant(let grant): return grant
        case .leaseRefused(let refused): throw ExecutorError.leaseRefused(reason: refused.reason)
        default: throw ExecutorError.unexpected(answer: "\(answer)")
        }
    }

    private func connected() async throws -> ExecutorLink {
        if let link, link.isOpen { return link }
        let (vitals, ended) = (vitals, ended)
        let duties = ExecutorLink.Duties(
            progress: { vitals.progress }, revoke: { await self.revoke($0) }, revoked: { ended(.revoked) })
        let link = try await ExecutorLink.open(wish.control, hello: wish.hello, duties: duties)
        self.link = link
        reached(.hello)
        return link
    }

    private func revoke(_ request: LeaseRevoke) -> Bool {
        guard let grant, (grant.engine, grant.generation) == (request.engine, request.generation) else { return false }
        log("the controller takes the workers away", ["engine": request.engine])
        loss = .revoked
        letGo()
        return true
    }

    private func letGo() {
        grant = nil
        for worker in workers { worker.letGo() }
        workers = []
    }

    /// All ranks at once. If one cannot, the others are not waited for: they are let go.
    private func carryOut(_ order: WorkerMessage, reaching milestone: ExecutorMilestone) async throws {
        guard grant != nil else { throw await told(loss ?? .noLease) }
        let (workers, reached) = (workers, reached)
        await withDiscardingTaskGroup { group in
            for worker in workers {
                group.addTask {
                    do {
                        try await worker.carryOut(order) { reached(milestone) }
                    } catch {
                        await self.lost(error)
                    }
                }
            }
        }
        if let loss { throw await told(loss) }
    }

    /// `ended` is called when the controller was told of a revocation; what fails meanwhile is not to end the process before.
    private func told(_ loss: ExecutorError) async -> ExecutorError {
        if case .revoked = loss { try? await Task.sleep(for: Self.releasePatience) }
        return loss
    }

    private func lost(_ error: any Error) {
        guard loss == nil else { return }
        loss = error as? ExecutorError ?? .unexpected(answer: "\(error)")
        for worker in workers { worker.letGo() }
    }
}
