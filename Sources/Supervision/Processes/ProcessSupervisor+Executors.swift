import ControlProtocol
import Logging
import Scheduling

// Executors that lease workers: those of our own cores, and those of processes that users started.

extension ProcessSupervisor {
    /// Connections of executors at once.
    private static let mostExecutors = 256
    /// More than any device has.
    private static let largestFootprint = 1 << 50
    /// Whoever waits longer asks again.
    private static let longestPatience = Duration.seconds(24 * 3600)

    /// One of ours is welcome once the decision core knows it for its engine's; one that a user started, at once.
    func register(_ hello: Hello, on connection: ControlConnection) async throws -> ExecutorID {
        guard executors.count < Self.mostExecutors else {
            throw ControllerError(
                .conflict, "\(Self.mostExecutors) executors are registered; there is no room for more.")
        }
        lastExecutor += 1
        let id = ExecutorID(lastExecutor)
        guard !hello.process.isEmpty else {
            guard let watch = ProcessWatch.open(pid: hello.pid) else {
                throw ControllerError(.conflict, "Pid \(hello.pid) is gone.")
            }
            executors[id] = SupervisedExecutor(id: id, pid: hello.pid, connection: connection, home: nil)
            try await welcome(hello.id, on: connection)
            logger.info("executor registered", metadata: ["executor": "\(id)", "pid": "\(hello.pid)"])
            // What the process forked may keep its connection open beyond its end.
            jobs.start { if await watch.waitForEnd() { await self.executorGone(id) } }
            return id
        }
        let core = ProcessID(hello.process)
        guard hello.epoch == epoch, processes[core]?.role == .core, processes[core]?.watch?.pid == hello.pid else {
            throw ControllerError(.conflict, "Pid \(hello.pid) is no core '\(hello.process)' of this controller.")
        }
        guard let engine = hello.engine, let generation = hello.generation else {
            throw ControllerError(.badRequest, "The executor of a core has to name its engine and generation.")
        }
        let home = SupervisedExecutor.Home(
            core: core, engine: EngineID(engine), generation: Generation(generation))
        executors[id] = SupervisedExecutor(
            id: id, pid: hello.pid, connection: connection, home: home, unansweredHello: hello.id)
        await register(id, home)
        return id
    }

    private func register(_ id: ExecutorID, _ home: SupervisedExecutor.Home) async {
        await tell(.lease(.registered(id, home.engine, home.generation, process: home.core)))
    }

    private func welcome(_ hello: Int, on connection: ControlConnection) async throws {
        try await connection.send(
            .welcome(Welcome(re: hello, epoch: epoch, orphanTimeoutMilliseconds: Int(orphanTimeout.milliseconds))))
    }

    func received(_ message: ControlMessage, from executor: ExecutorID) async {
        switch message {
        case .leaseRequest(let request): await received(request, from: executor)
        case .leaseRelease(let release):
            let message = ExecutorMessage(executor: executor, number: release.id)
            await tell(
                .lease(.released(message, EngineID(release.engine), Generation(release.generation))))
        default: logger.warning("unexpected control message", metadata: ["executor": "\(executor)"])
        }
    }

    private func received(_ request: LeaseRequest, from id: ExecutorID) async {
        guard let executor = executors[id] else { return }
        let message = ExecutorMessage(executor: id, number: request.id)
        if let home = executor.home {
            // One that was parked asks again, for a lease that did not exist when it said hello.
            await register(id, home)
            return await tell(.lease(.asked(message, worldSize: request.worldSize)))
        }
        if let reason = Self.reasonAgainst(request) { return await answer(message, .refused(reason: reason)) }
        await tell(
            .externalAsked(
                ExternalRequest(
                    message: message, pid: Int32(executor.pid), model: request.model, worldSize: request.worldSize,
                    deviceKind: request.deviceType.rawValue, footprint: request.footprintBytes,
                    patience: min(.milliseconds(max(request.deadlineMilliseconds, 0)), Self.longestPatience),
                    versions: request.versions)))
    }

    /// Numbers that nobody can count with are refused before anybody does.
    private static func reasonAgainst(_ request: LeaseRequest) -> String? {
        guard request.worldSize >= 1 else { return "\(request.worldSize) workers are asked for; ask for one at least" }
        guard (0...largestFootprint).contains(request.footprintBytes) else {
            return "a footprint of \(request.footprintBytes) bytes is none; give one from 0 to \(largestFootprint)"
        }
        return nil
    }

    func executorGone(_ id: ExecutorID) async {
        guard let executor = executors.removeValue(forKey: id) else { return }
        // It ended because one of these processes did: that one's reason comes first.
        let causes = executor.home.map { (processes[$0.core]?.workers ?? []) + [$0.core] } ?? executor.workers
        await awaitReasons(of: causes)
        await tell(.lease(.executorGone(id)))
    }

    /// Waits until it was told why those of the processes ended that have, or are about to.
    func awaitReasons(of ids: [ProcessID]) async {
        for id in ids where processes[id]?.watch?.isEnding == true {
            await processes[id]?.gone.wait(atMost: .seconds(1))
        }
    }

    // MARK: What executors are told

    public func welcome(_ id: ExecutorID) async {
        guard let executor = executors[id], let hello = executor.unansweredHello else { return }
        executors[id]?.unansweredHello = nil
        await say(to: id) { try await self.welcome(hello, on: executor.connection) }
    }

    public func refuse(_ id: ExecutorID, reason: String) async {
        guard let executor = executors[id], let hello = executor.unansweredHello else { return }
        executors[id]?.unansweredHello = nil
        logger.warning("executor refused", metadata: ["executor": "\(id)", "reason": "\(reason)"])
        await say(to: id) { try await executor.connection.send(.refused(Refused(re: hello, reason: reason))) }
        await executor.connection.ended()
    }

    public func answer(_ message: ExecutorMessage, _ answer: ExecutorAnswer) async {
        guard let connection = executors[message.executor]?.connection else { return }
        let re = message.number
        let frame: ControlMessage =
            switch answer {
            case .granted(let lease): .leaseGrant(grant(lease, re: re))
            case .refused(let reason): .leaseRefused(LeaseRefused(re: re, reason: reason))
            case .done: .done(Done(re: re))
            case .failed(let reason): .failed(Failed(re: re, reason: reason))
            }
        if case .granted(let lease) = answer {
            if let core = executors[message.executor]?.home?.core {
                processes[core]?.workers = lease.workers
            } else {
                executors[message.executor]?.workers = lease.workers
            }
        }
        await say(to: message.executor) { try await connection.send(frame) }
    }

    /// A worker whose process is gone by now is left out: its end, which comes as an event, breaks the lease.
    private func grant(_ lease: Scheduling.Lease, re: Int) -> LeaseGrant {
        let workers = lease.workers.compactMap { id -> LeasedWorker? in
            guard let process = processes[id], let pid = process.watch?.pid, let place = process.place else {
                return nil
            }
            return LeasedWorker(
                process: id.description, pid: pid, socket: directory.workerSocket(of: id),
                device: place.id.description, cores: cores(of: id, in: lease, on: place))
        }
        return LeaseGrant(
            re: re, engine: lease.engine.description, generation: WireGeneration(lease.generation), workers: workers)
    }

    /// Asks an executor to let its workers go; says `revoked` whatever it answers.
    public func revoke(_ id: ExecutorID, _ engine: EngineID, _ generation: Generation, within limit: Duration) async {
        guard let connection = executors[id]?.connection else { return }
        do {
            _ = try await connection.request(within: limit) {
                .leaseRevoke(
                    LeaseRevoke(
                        id: $0, deadlineMilliseconds: $1, engine: engine.description,
                        generation: WireGeneration(generation)))
            }
        } catch {
            logger.warning("lease not revoked in order", metadata: ["executor": "\(id)", "error": "\(error)"])
        }
        await tell(.lease(.revoked(id, engine, generation)))
    }

    private func say(to id: ExecutorID, _ write: () async throws -> Void) async {
        do {
            try await write()
        } catch {
            logger.warning("executor not told", metadata: ["executor": "\(id)", "error": "\(error)"])
        }
    }
}

extension Generation {
    init(_ wire: WireGeneration) { self.init(epoch: wire.epoch, counter: wire.counter) }
}
