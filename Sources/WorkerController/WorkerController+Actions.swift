import ControlProtocol
import Logging
import NIOPosix
import Scheduling
import Supervision

// Carrying out what the decision core decided.

extension WorkerController {
    /// As many lines of a log go with an error.
    static let tailLines = 12

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
        case .completeSleep(let command): sleeps.removeValue(forKey: command)?.resume()
        case .failSleep(let command, let error, let log): failSleep(command, error, log)
        case .removed(let model, let commands): removed(model, for: commands)
        case .finished: finish()
        case .startZygote(let process, let runtime):
            jobs.start { await self.supervisor.startZygote(process, runtime) }
        case .fork(let process, let role, let runtime, let device, let source):
            fork(process, role, runtime, device, from: source)
        case .end(let process): jobs.start { await self.supervisor.end(process) }
        case .inspectForTemplate(let model): inspectForTemplate(model)
        case .prepare(let order): prepare(order)
        case .measureTemplate(let process): measureTemplate(process)
        case .inspect(let engine, let model): inspect(engine, model)
        case .assign(let assignment): assign(assignment)
        case .measure(let engine): measure(engine)
        case .suspend(let engine): suspend(engine)
        case .resume(let engine): resume(engine)
        case .park(let engine): park(engine)
        case .unpark(let engine): unpark(engine)
        case .lease(let action): perform(action)
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

    private func failSleep(_ id: CommandID, _ error: ControllerError, _ log: LogSource?) {
        guard let caller = sleeps.removeValue(forKey: id) else { return }
        answer(error, log) { caller.resume(throwing: $0) }
    }

    /// Adds the last lines of the log that tells more.
    private func answer(
        _ error: ControllerError, _ log: LogSource?, _ body: @escaping @Sendable (ControllerError) -> Void
    ) {
        guard let log, !isAborted else { return body(error) }
        let files = files(of: log)
        jobs.start {
            let lines = files.flatMap { LogFile.tail(of: $0, lines: Self.tailLines) }
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

    private func fork(
        _ process: ProcessID, _ role: ProcessRole, _ runtime: RuntimeName, _ device: DeviceID, from source: ProcessID
    ) {
        guard let device = scheduler.devices.first(where: { $0.id == device }) else { return }
        if role == .template, let model = scheduler.processes[process]?.model { lastTemplate[model] = process }
        jobs.start { await self.supervisor.fork(process, role, from: source, runtime, device) }
    }
}
