import ControlProtocol
import Logging
import Scheduling

// What processes say, and what they are told.

extension ProcessSupervisor: ControlServerDelegate {
    func welcome(_ hello: Hello, on connection: ControlConnection) async throws -> PeerIdentity {
        hello.role == .executor
            ? .executor(try await register(hello, on: connection)) : .process(try await enter(hello, on: connection))
    }

    private func enter(_ hello: Hello, on connection: ControlConnection) async throws -> ProcessID {
        guard hello.epoch == epoch else {
            endUnknown(hello)
            throw ControllerError(
                .conflict, "The process is of epoch \(hello.epoch), and this controller's is \(epoch).")
        }
        let id = ProcessID(hello.process)
        let process = processes[id]
        if process == nil { endUnknown(hello) }
        guard let process, process.role.rawValue == hello.role.rawValue,
            process.runtime.description == hello.runtime
        else {
            throw ControllerError(.conflict, "No \(hello.role.rawValue) '\(hello.process)' is expected here.")
        }
        if process.watch == nil {
            guard let watch = ProcessWatch.open(pid: hello.pid) else {
                throw ControllerError(.conflict, "Pid \(hello.pid) is gone.")
            }
            adopt(watch, as: id)
        } else if process.watch?.pid != hello.pid {
            throw ControllerError(.conflict, "'\(hello.process)' has pid \(process.watch?.pid ?? 0), not \(hello.pid).")
        }
        let isFirst = process.greetedAt == nil
        try await connection.send(
            .welcome(
                Welcome(re: hello.id, epoch: epoch, orphanTimeoutMilliseconds: Int(orphanTimeout.milliseconds))))
        // Only now: nothing may be sent to a process before it is welcome.
        guard processes[id]?.watch?.pid == hello.pid else { return id }
        processes[id]?.connection = connection
        processes[id]?.connectionEnd = OneShot()
        if isFirst { processes[id]?.greetedAt = .now }
        if let versions = hello.versions { processes[id]?.versions = versions }
        if let reset = hello.reset { processes[id]?.reset = .inPlace(toleranceBytes: reset.toleranceBytes) }
        if isFirst { jobs.start { await self.verify(id, connection) } }
        return id
    }

    /// A process counts only once it has answered.
    private func verify(_ id: ProcessID, _ connection: ControlConnection) async {
        do {
            let answer = try await connection.request(within: answerLimit) {
                .ping(Ping(id: $0, deadlineMilliseconds: $1))
            }
            guard case .pong(let pong) = answer, let process = processes[id] else { return }
            processes[id]?.privateBytes = pong.privateBytes
            switch process.role {
            case .zygote: await tell(.zygoteReady(id))
            case .worker: await tell(.lease(.idle(id, privateBytes: pong.privateBytes, reset: process.reset)))
            case .template, .frontEnd, .core: await tell(.processIdle(id))
            }
        } catch {
            logger.error("process does not answer", metadata: ["process.id": "\(id)", "error": "\(error)"])
            processes[id]?.watch?.kill()
        }
    }

    func received(_ message: ControlMessage, from peer: PeerIdentity) async {
        switch peer {
        case .process(let id): await received(message, from: id)
        case .executor(let id): await received(message, from: id)
        }
    }

    private func received(_ message: ControlMessage, from process: ProcessID) async {
        switch message {
        case .exited(let exited):
            let child = ProcessID(exited.process)
            processes[child]?.exit = ProcessWatch.describe(status: exited.status, signal: exited.signal)
            await processes[child]?.exitReported.happen()
        case .stage(let stage):
            await received(stage, from: process)
        case .prepared(let prepared) where processes[process]?.role == .template:
            await received(prepared, from: process)
        default:
            logger.warning("unexpected control message", metadata: ["process.id": "\(process)"])
        }
    }

    private func received(_ stage: Stage, from process: ProcessID) async {
        let engine = EngineID(stage.engine)
        let generation = Generation(epoch: stage.generation.epoch, counter: stage.generation.counter)
        if let error = stage.error {
            return await tell(.startFailed(engine, generation, reason: "\(error) (at stage '\(stage.stage)')"))
        }
        await tell(
            .stage(engine, generation, StageTime(stage: stage.stage, milliseconds: stage.milliseconds)))
        // The start is long over.
        if let returned = processes[process]?.workersReturned {
            if stage.stage == "warm_up" { await returned.happen() }
            return
        }
        processes[process]?.lastStage = stage.stage
        // The two last stages come on two connections, in any order; the start is over when both are known.
        let stages = [stage.stage, processes[process]?.peer.flatMap { processes[$0]?.lastStage }]
        if stages.contains("listen"), stages.contains("warm_up") { await tell(.ready(engine, generation)) }
    }

    func connectionEnded(_ connection: ControlConnection, of peer: PeerIdentity) async {
        switch peer {
        case .process(let id): await connectionEnded(connection, of: id)
        case .executor(let id): await executorGone(id)
        }
    }

    private func connectionEnded(_ connection: ControlConnection, of process: ProcessID) async {
        // It may have dialled again already.
        guard let known = processes[process], known.connection === connection else { return }
        processes[process]?.connection = nil
        await known.connectionEnd.happen()
    }

    /// Gives two idle processes their engine.
    public func assign(_ assignment: EngineAssignment, _ serving: EngineServing) async {
        guard let frontEnd = processes[assignment.frontEnd], let core = processes[assignment.core],
            let frontEndPid = frontEnd.watch?.pid, let corePid = core.watch?.pid,
            let toFrontEnd = frontEnd.connection, let toCore = core.connection
        else {
            let reason = "A process of the engine was gone before it was assigned."
            return await tell(.startFailed(assignment.engine, assignment.generation, reason: reason))
        }
        processes[assignment.frontEnd]?.record.names.append(directory.frontEndSocket(of: assignment.engine))
        writeRecord(of: assignment.frontEnd)
        processes[assignment.frontEnd]?.peer = assignment.core
        processes[assignment.core]?.peer = assignment.frontEnd
        let order = order(assignment, serving)
        await withTaskGroup(of: String?.self) { answers in
            for (connection, peer) in [(toCore, frontEndPid), (toFrontEnd, corePid)] {
                answers.addTask {
                    await self.refusal(of: connection) { .assign(order.addressed(id: $0, deadline: $1, peer: peer)) }
                }
            }
            // The first refusal is told at once, even where the other process does not answer at all.
            for await reason in answers {
                guard let reason else { continue }
                if await !hasEnded([assignment.core, assignment.frontEnd]) {
                    await tell(.startFailed(assignment.engine, assignment.generation, reason: reason))
                }
                return
            }
        }
    }

    /// Asks for something that is answered with `accepted`.
    ///
    /// - Returns: why it was not; nil if it was.
    func refusal(
        of connection: ControlConnection, _ make: @Sendable (_ id: Int, _ deadline: Int) -> ControlMessage
    ) async -> String? {
        do {
            guard case .accepted = try await connection.request(within: answerLimit, make) else {
                return "A process answered with something else than 'accepted'."
            }
            return nil
        } catch {
            return (error as? ControllerError)?.message ?? "\(error)"
        }
    }

    /// A process that could not be told something was perhaps about to end, and its end then tells more.
    func hasEnded(_ ids: [ProcessID]) async -> Bool {
        for id in ids where await processes[id]?.gone.wait(atMost: .milliseconds(250)) != false { return true }
        return false
    }

    /// What both processes of the engine are told.
    private func order(_ assignment: EngineAssignment, _ serving: EngineServing) -> Assign {
        let folder = directory.temporaryDirectory(of: assignment.frontEnd, epoch: epoch)
        return Assign(
            id: 0, deadlineMilliseconds: 0, engine: assignment.engine.description,
            generation: WireGeneration(assignment.generation),
            names: serving.names, path: serving.path, arguments: serving.arguments,
            environment: serving.environment, socket: directory.frontEndSocket(of: assignment.engine),
            inputSocket: folder + "/in.sock", outputSocket: folder + "/out.sock",
            device: assignment.device.description, cores: serving.cores, worldSize: serving.worldSize,
            executor: serving.executor, peerPid: 0)
    }
}

extension Assign {
    fileprivate func addressed(id: Int, deadline: Int, peer: Int) -> Assign {
        var copy = self
        copy.id = id
        copy.deadlineMilliseconds = deadline
        copy.peerPid = peer
        return copy
    }
}
