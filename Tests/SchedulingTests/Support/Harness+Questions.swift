import Scheduling
import Testing

// What a test may ask.

extension Harness {
    enum Outcome: Equatable {
        case admitted(EngineID)
        case refused(ControllerError.Code)
    }

    func engine(of model: String) -> EngineID? { scheduler.models[model]?.engine }

    func phase(of model: String) -> EnginePhase? { engine(of: model).flatMap { scheduler.engines[$0] }?.phase }

    func replicas(of model: String) -> [EngineID] { scheduler.models[model]?.replicas ?? [] }

    func phase(of engine: EngineID) -> EnginePhase? { scheduler.engines[engine]?.phase }

    func generation(of engine: EngineID) throws -> Generation {
        try #require(scheduler.engines[engine]).generation
    }

    func processes(_ role: ProcessRole, _ state: ProcessRecord.State) -> [ProcessID] {
        scheduler.processes.values.filter { $0.role == role && $0.state == state }
            .map(\.id).sorted { $0.description < $1.description }
    }

    /// Every answer that the request got: one, or none while it waits.
    func outcomes(of request: RequestID) -> [Outcome] {
        actions.compactMap { action in
            switch action {
            case .admit(request, let engine, _, _): .admitted(engine)
            case .refuse(request, let error, _): .refused(error.code)
            default: nil
            }
        }
    }

    func refusal(of request: RequestID) throws -> ControllerError {
        let errors = actions.compactMap { action -> ControllerError? in
            if case .refuse(request, let error, _) = action { error } else { nil }
        }
        #expect(errors.count == 1)
        return try #require(errors.first)
    }

    func isLoaded(_ command: CommandID) -> Bool {
        actions.contains { if case .completeLoad(command, _) = $0 { true } else { false } }
    }

    func loadFailure(_ command: CommandID) -> ControllerError? {
        actions.compactMap { if case .failLoad(command, let error, _) = $0 { error } else { nil } }.first
    }

    /// The engines that ended; nil while the unload goes on.
    func unloaded(_ command: CommandID) -> [EngineID]? {
        actions.compactMap { if case .completeUnload(command, let engines) = $0 { engines } else { nil } }.first
    }

    func isAsleep(_ command: CommandID) -> Bool { actions.contains(.completeSleep(command)) }

    func sleepFailure(_ command: CommandID) -> ControllerError? {
        actions.compactMap { if case .failSleep(command, let error, _) = $0 { error } else { nil } }.first
    }

    func template(of model: String) -> TemplateRecord? { scheduler.models[model]?.template }

    /// The live processes that the model's template has forked and nobody has leased.
    func spares(of model: String) -> [ProcessRecord] {
        scheduler.processes.values.filter {
            $0.template != nil && $0.template == template(of: model)?.process
                && ($0.state == .starting || $0.state == .idle)
        }
    }

    func count(_ isWanted: (SchedulerAction) -> Bool) -> Int { actions.count(where: isWanted) }
}

extension Sequence<SchedulerAction> {
    var forks: [ProcessRole] { compactMap { if case .fork(_, let role, _, _, _) = $0 { role } else { nil } } }
    /// What was forked from this source.
    func forks(from source: ProcessID?) -> [ProcessRole] {
        compactMap { if case .fork(_, let role, _, _, source) = $0 { role } else { nil } }
    }

    var orders: [TemplateOrder] { compactMap { if case .prepare(let order) = $0 { order } else { nil } } }
    var templateInspections: [String] {
        compactMap { if case .inspectForTemplate(let model) = $0 { model } else { nil } }
    }
    var suspensions: [EngineID] { compactMap { if case .suspend(let engine) = $0 { engine } else { nil } } }
    var resumptions: [EngineID] { compactMap { if case .resume(let engine) = $0 { engine } else { nil } } }
    var ends: [ProcessID] { compactMap { if case .end(let process) = $0 { process } else { nil } } }
    var assignments: [EngineAssignment] { compactMap { if case .assign(let given) = $0 { given } else { nil } } }
    var evictions: [EngineID] { compactMap { if case .evict(let engine) = $0 { engine } else { nil } } }
    var inspections: [String] { compactMap { if case .inspect(_, let model) = $0 { model } else { nil } } }
    var admissions: [RequestID] { compactMap { if case .admit(let id, _, _, _) = $0 { id } else { nil } } }
    var zygoteStarts: [ProcessID] { compactMap { if case .startZygote(let id, _) = $0 { id } else { nil } } }
}
