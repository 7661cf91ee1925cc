/// Tells what happened from how the decision core's state has changed, so that nothing in there has to say it twice.
///
/// Look after every event: what came and went between two looks is not seen, except for what `Scheduler.endings` says.
public struct StateObserver: Sendable {
    struct SeenEngine: Equatable {
        var phase: EnginePhase
        let model: String
        var device: String?
    }

    struct SeenWorker: Equatable {
        let state: String
        let lease: Generation?
    }

    var engines: [EngineID: SeenEngine] = [:]
    private var workers: [ProcessID: SeenWorker] = [:]
    /// The leases that their executors have.
    private var leases: Set<Generation> = []
    /// The templates that are ready, and whether they have weights.
    private var templates: [String: Bool] = [:]
    private var tiers: [String: Tier] = [:]
    private var runtimes: Set<RuntimeName> = []

    public init() {}

    /// - Returns: what happened since the last look. What ended comes first, in its order.
    public mutating func look(at scheduler: Scheduler) -> [ControllerEvent] {
        scheduler.endings.map { event(of: $0, in: scheduler) } + runtimeEvents(scheduler) + templateEvents(scheduler)
            + workerEvents(scheduler) + leaseEvents(scheduler) + engineEvents(scheduler) + tierEvents(scheduler)
    }

    // MARK: What ended

    private func event(of ending: Ending, in scheduler: Scheduler) -> ControllerEvent {
        switch ending {
        case .engine(let engine, let reason):
            return ControllerEvent(
                engine.isComing ? .engineFailed : .engineDied, engine: engine.id.description,
                model: engine.shownModel, device: engine.device?.description,
                tier: engine.isParked ? .parked : engine.startTier, reason: reason)
        case .worker(let worker, let reason):
            return .of(worker, .workerRetired, cause: ControllerEvent.died, reason: reason)
        case .lease(let engine, let end):
            return ControllerEvent(
                end.kind, engine: engine.description,
                model: scheduler.engines[engine]?.shownModel ?? engines[engine]?.model, reason: end.description)
        case .templateFailed(let model, let reason):
            return ControllerEvent(.templateFailed, model: model, reason: reason)
        case .templateGivenUp(let model, let reason):
            return ControllerEvent(.templateGivenUp, model: model, reason: reason)
        }
    }

    // MARK: Workers and leases

    private mutating func workerEvents(_ scheduler: Scheduler) -> [ControllerEvent] {
        let present = scheduler.pool.workers.mapValues {
            SeenWorker(state: $0.state.word, lease: $0.lease?.generation)
        }
        defer { workers = present }
        guard present != workers else { return [] }
        return scheduler.pool.workersInOrder.flatMap { worker -> [ControllerEvent] in
            guard workers[worker.process] != present[worker.process] else { return [] }
            switch worker.state {
            case .starting: return [.of(worker, .workerForked)]
            case .idle: return [.of(worker, .workerIdle)]
            case .leased: return [.of(worker, .workerLeased)]
            case .resetting: return [.of(worker, .workerResetting)]
            case .retired(let retirement):
                let kinds: [ControllerEvent.Kind] = [.workerRetired] + (retirement.cause == .memory ? [.alarm] : [])
                return kinds.map {
                    .of(worker, $0, cause: retirement.cause.rawValue, reason: retirement.reason)
                }
            }
        }
    }

    private mutating func leaseEvents(_ scheduler: Scheduler) -> [ControllerEvent] {
        let granted = scheduler.pool.executors.values.map(\.lease).filter {
            scheduler.pool.executors[$0.engine]?.phase == .granted
        }
        defer { leases = Set(granted.map(\.generation)) }
        return granted.filter { !leases.contains($0.generation) }.sorted { $0.generation < $1.generation }.map {
            ControllerEvent(
                .leaseGranted, engine: $0.engine.description, model: scheduler.engines[$0.engine]?.shownModel,
                workers: $0.workers.map(\.description))
        }
    }

    // MARK: Templates, models and runtimes

    private mutating func templateEvents(_ scheduler: Scheduler) -> [ControllerEvent] {
        let ready = scheduler.models.compactMapValues { $0.template?.phase == .ready ? $0.template : nil }
        let present = ready.mapValues(\.isLoaded)
        defer { templates = present }
        guard present != templates else { return [] }
        return ready.sorted { $0.key < $1.key }.filter { templates[$0.key] != $0.value.isLoaded }.map {
            model, template in
            ControllerEvent(
                .templateReady, model: model, device: template.device?.description,
                milliseconds: template.stages.reduce(0) { $0 + $1.milliseconds }, hasWeights: template.isLoaded)
        }
    }

    private mutating func tierEvents(_ scheduler: Scheduler) -> [ControllerEvent] {
        var present: [String: Tier] = [:]
        for name in scheduler.models.keys { present[name] = scheduler.tier(of: name) }
        defer { tiers = present }
        guard present != tiers else { return [] }
        // Everything begins cold.
        return present.sorted { $0.key < $1.key }.filter { (tiers[$0.key] ?? .cold) != $0.value }.map {
            ControllerEvent(.modelTier, model: $0.key, tier: $0.value)
        }
    }

    private mutating func runtimeEvents(_ scheduler: Scheduler) -> [ControllerEvent] {
        let ready = Set(scheduler.runtimes.values.filter(\.isReady).map(\.name))
        defer { runtimes = ready }
        guard ready != runtimes else { return [] }
        return scheduler.runtimesInOrder.filter { ready.contains($0) != runtimes.contains($0) }.map {
            ready.contains($0)
                ? ControllerEvent(.runtimeReady, runtime: $0.description)
                : ControllerEvent(
                    .runtimeDown, runtime: $0.description, reason: scheduler.runtimes[$0]?.lastError)
        }
    }
}

extension ControllerEvent {
    fileprivate static func of(
        _ worker: WorkerRecord, _ kind: Kind, cause: String? = nil, reason: String? = nil
    ) -> ControllerEvent {
        ControllerEvent(
            kind, engine: worker.lease?.engine.description, worker: worker.process.description, slot: worker.slot,
            device: worker.device.description, runtime: worker.runtime.description, cause: cause, reason: reason)
    }
}

extension LeaseEnd {
    fileprivate var kind: ControllerEvent.Kind {
        switch self {
        case .released: .leaseReleased
        case .revoked: .leaseRevoked
        case .reclaimed: .leaseReclaimed
        case .notTaken, .broken: .leaseBroken
        }
    }
}
