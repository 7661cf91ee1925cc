import ControlProtocol
import Logging
import NIOPosix
import Scheduling
import Supervision

// Carrying out what the decision core decided.

extension WorkerController {
    /// How long a ready engine is left alone before its memory is measured: reading it walks all its pages under the lock
    /// that its first requests need.
    private static let measureAfter = Duration.seconds(2)

    /// - Returns: what came of it, if that is known at once.
    func perform(_ action: SchedulerAction) -> SchedulerEvent? {
        switch action {
        case .admit(let request, let engine, let tier, let timings):
            return admit(request, engine, tier, timings)
        case .refuse(let request, let error, let log): refuse(request, error, log)
        case .watch(let engine, let below): return watch(engine, below: below)
        case .completeLoad(let command, let engine): loads.removeValue(forKey: command)?.resume(returning: engine)
        case .failLoad(let command, let error, let log): failLoad(command, error, log)
        case .completeUnload(let command, let engines):
            unloads.removeValue(forKey: command)?.resume(returning: engines)
        case .finished: finish()
        case .startZygote(let process, let runtime):
            jobs.start { await self.supervisor.startZygote(process, runtime) }
        case .fork(let process, let role, let runtime, let device): fork(process, role, runtime, device)
        case .end(let process): jobs.start { await self.supervisor.end(process) }
        case .inspect(let engine, let model): inspect(engine, model)
        case .assign(let assignment): assign(assignment)
        case .measure(let engine): measure(engine)
        case .publishRoutes: publishRoutes()
        case .drain(let engine): permits[engine]?.close()
        case .evict(let engine):
            return permits[engine]?.closeIfIdle() == false ? .evictionRefused(engine) : nil
        }
        return nil
    }

    private func admit(_ id: RequestID, _ engine: EngineID, _ tier: Tier, _ timings: [StageTime]) -> SchedulerEvent? {
        guard let caller = waiting[id] else { return nil }
        guard let route = route(to: engine), route.permits.takeForWaiting() else {
            return .returned(id, model: caller.request.model, bytes: caller.request.bytes, waitedSince: caller.since)
        }
        waiting[id] = nil
        caller.continuation.resume(returning: Admission(route: route, tier: tier, timings: timings))
        return nil
    }

    private func refuse(_ id: RequestID, _ error: ControllerError, _ log: LogSource?) {
        guard let caller = waiting.removeValue(forKey: id) else { return }
        answer(error, log) { caller.continuation.resume(throwing: $0) }
    }

    private func failLoad(_ id: CommandID, _ error: ControllerError, _ log: LogSource?) {
        guard let caller = loads.removeValue(forKey: id) else { return }
        answer(error, log) { caller.resume(throwing: $0) }
    }

    /// Adds the last lines of the log that tells more.
    private func answer(
        _ error: ControllerError, _ log: LogSource?, _ body: @escaping @Sendable (ControllerError) -> Void
    ) {
        guard let log, !isAborted else { return body(error) }
        let files = files(of: log)
        jobs.start {
            let lines = files.flatMap { LogFile.tail(of: $0, lines: 12) }
            body(
                ControllerError(
                    error.code, error.message, parameter: error.parameter, retryAfter: error.retryAfter, logTail: lines)
            )
        }
    }

    private func files(of log: LogSource) -> [String] {
        switch log {
        case .process(let process): [directory.log(of: process)]
        case .engine(let engine): (processesOfEngine[engine] ?? []).map { directory.log(of: $0) }
        }
    }

    /// Asks to be told of the next release; if there was one since the decision was made, says so at once.
    private func watch(_ id: EngineID, below: Int) -> SchedulerEvent? {
        // The permits of an engine that is dying are closed before the decision core knows; nothing is to be had there.
        let isDraining = scheduler.engines[id]?.phase == .draining
        guard let permits = permits[id], isDraining || !permits.isClosed else { return nil }
        permits.watch()
        return permits.inFlight < below ? .permitReleased(id) : nil
    }

    private func fork(_ process: ProcessID, _ role: ProcessRole, _ runtime: RuntimeName, _ device: DeviceID) {
        guard let zygote = scheduler.runtimes[runtime]?.zygote,
            let device = scheduler.devices.first(where: { $0.id == device })
        else { return }
        jobs.start { await self.supervisor.fork(process, role, from: zygote, runtime, device) }
    }

    private func inspect(_ engine: EngineID, _ model: String) {
        let catalog = catalog
        jobs.start {
            let event: SchedulerEvent
            do {
                // On a thread that may block: a file system may hang.
                let bytes = try await NIOThreadPool.singleton.runIfActive { try catalog.inspect(model) }
                event = .inspected(engine, weightBytes: bytes)
            } catch let error as ControllerError {
                event = .inspectionFailed(engine, error)
            } catch {
                event = .inspectionFailed(engine, ControllerError(.startFailed, "'\(model)' cannot be read: \(error)"))
            }
            await self.feed(event)
        }
    }

    private func assign(_ assignment: EngineAssignment) {
        logger.info(
            "engine starting",
            metadata: ["engine.id": "\(assignment.engine)", "model": "\(assignment.model)"])
        remember(assignment)
        guard let serving = catalog.serving(assignment),
            let model = scheduler.models[assignment.model]?.specification
        else { return }
        let id = assignment.engine
        permits[id] = EnginePermits(limit: model.concurrency) { [jobs] in
            jobs.start { await self.feed(.permitReleased(id)) }
        }
        jobs.start { await self.supervisor.assign(assignment, serving) }
    }

    private func remember(_ assignment: EngineAssignment) {
        processesOfEngine[assignment.engine] = [assignment.core, assignment.frontEnd]
        lastEngine[assignment.model] = assignment.engine
        let kept = Set(lastEngine.values).union(scheduler.engines.keys)
        processesOfEngine = processesOfEngine.filter { kept.contains($0.key) }
    }

    private func measure(_ id: EngineID) {
        jobs.start {
            guard (try? await Task.sleep(for: Self.measureAfter)) != nil else { return }
            if let bytes = await self.proportionalBytes(of: id) { await self.feed(.measured(id, bytes: bytes)) }
        }
    }

    /// What the engine's processes hold, shared pages counted in part; nil if one of them is gone.
    private func proportionalBytes(of id: EngineID) async -> Int? {
        var sum = 0
        for process in processesOfEngine[id] ?? [] {
            guard let pid = await supervisor.snapshot(of: process)?.pid, let memory = ProcFS.memory(pid: pid) else {
                return nil
            }
            sum += memory.proportionalBytes
        }
        return sum
    }

    // MARK: Routes

    private func route(to id: EngineID) -> EngineRoute? {
        guard let engine = scheduler.engines[id], engine.phase == .ready, let permits = permits[id] else { return nil }
        return EngineRoute(
            engine: id, generation: engine.generation, socketPath: directory.frontEndSocket(of: id), permits: permits)
    }

    func publishRoutes() {
        permits = permits.filter { scheduler.engines[$0.key] != nil }
        for (id, permits) in permits where scheduler.engines[id]?.phase == .stopping { permits.close() }
        var models: [String: ModelRoute] = [:]
        for record in scheduler.models.values {
            let model = record.specification
            let engine = record.engine.flatMap { self.route(to: $0) }
            let modelRoute = ModelRoute(model: model.name, engines: engine.map { [$0] } ?? [])
            var names = [model.name] + model.aliases
            if let engine { names.append(engine.engine.description) }
            for name in names { models[name] = modelRoute }
        }
        publisher?.publish(RouteSnapshot(models: models))
    }
}
