// The life of engines.

extension StateObserver {
    mutating func engineEvents(_ scheduler: Scheduler) -> [ControllerEvent] {
        let present = scheduler.engines.mapValues {
            SeenEngine(phase: $0.phase, model: $0.shownModel, device: $0.device?.description)
        }
        defer { engines = present }
        guard present != engines else { return [] }
        let gone = engines.filter { present[$0.key] == nil }.sorted { $0.key.description < $1.key.description }
        let ends = gone.map { id, seen in
            ControllerEvent(.engineGone, engine: id.description, model: seen.model, device: seen.device)
        }
        return ends + scheduler.enginesInOrder.flatMap { engine in kinds(of: engine).map { engine.event($0) } }
    }

    /// What the change of its phase means.
    private func kinds(of engine: EngineRecord) -> [ControllerEvent.Kind] {
        let before = engines[engine.id]?.phase
        guard before != engine.phase else { return [] }
        switch engine.phase {
        case .queued: return [.engineQueued]
        case .placing: return before == nil ? [.engineQueued] : []
        case .starting: return [.enginePlaced]
        case .ready where before == .draining: return [.engineKept]
        case .ready:
            // Nothing of ours starts where a user does: it is ready when it has its workers.
            return engine.isExternal ? [.enginePlaced, .engineReady] : [.engineReady]
        case .draining: return [.engineDraining]
        case .asleep: return [engine.isParked ? .engineParked : .engineAsleep]
        case .resuming: return [engine.startTier == .parked ? .engineUnparked : .engineWaking]
        case .stopping, .suspending: return []
        }
    }
}

extension EngineRecord {
    /// What it is called by people.
    public var shownModel: String { external?.model ?? model }

    fileprivate func event(_ kind: ControllerEvent.Kind) -> ControllerEvent {
        var event = ControllerEvent(
            kind, engine: id.description, model: shownModel, device: device?.description)
        switch kind {
        case .enginePlaced, .engineUnparked, .engineWaking:
            event.tier = startTier
            event.workers = workers.isEmpty ? nil : workers.map(\.description)
            event.milliseconds = stages.first { $0.stage == "lease" }?.milliseconds
        case .engineReady:
            event.tier = startTier
            event.milliseconds = isExternal ? nil : readyAt.map { ($0 - queuedAt).milliseconds }
        default: break
        }
        return event
    }
}
