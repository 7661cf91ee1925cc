// What must hold after every event. Checked in debug builds and in the simulation.

extension Scheduler {
    /// What is broken, in words; nil if all is well.
    public var violation: String? {
        if let catalogViolation { return catalogViolation }
        for device in devices where usedBytes(device.id) > device.memoryBytes && !hasMeasuredMore(device.id) {
            return "the footprints on \(device.id) exceed its memory"
        }
        for process in processes.values {
            guard case .leased(let id) = process.state else { continue }
            guard let engine = engines[id], engine.processes.contains(process.id) else {
                return "\(process.id) is leased to \(id), which does not have it"
            }
        }
        for engine in engines.values {
            if let violation = violation(of: engine) { return violation }
            guard !engine.isExternal else { continue }
            if models[engine.model]?.engines.contains(engine.id) != true {
                return "\(engine.id) is not one of its model's engines"
            }
            if engine.phase == .ready, engine.processes.count != 2 { return "\(engine.id) is ready without processes" }
            for process in engine.processes where processes[process] == nil {
                return "\(engine.id) has \(process), which is gone"
            }
        }
        if models.values.count(where: { $0.template?.isBackgroundWork == true }) > 1 {
            return "more than one template is being made"
        }
        for process in processes.values where process.isSpare && process.model != nil {
            let template = process.model.flatMap { models[$0]?.template }
            if template?.isEnding != false || template?.process != process.template ?? process.id {
                return "\(process.id) has outlived its template"
            }
        }
        for engine in engines.values where engine.phase == .starting && engine.template != nil {
            let template = models[engine.model]?.template
            if template?.process == engine.template, template?.fingerprint != engine.fingerprint {
                return "\(engine.id) is started from a template of other files"
            }
        }
        for model in models.values {
            if let template = model.template, template.phase == .ready,
                template.process.flatMap({ processes[$0] }) == nil
            {
                return "the template of '\(model.specification.name)' is ready, and gone"
            }
            if let engine = model.engines.first(where: { engines[$0] == nil }) {
                return "\(engine) is gone, but not for its model"
            }
            if let violation = violation(of: model) { return violation }
            let isResting =
                model.engine.flatMap { engines[$0] }.map { $0.phase == .asleep && !$0.isBeingInspected } ?? true
            if isResting, !isShuttingDown, !model.waiting.isEmpty {
                return "requests wait for '\(model.specification.name)', and nothing is being done for them"
            }
        }
        let waiting = models.values.flatMap { $0.waiting.map(\.id) }
        if Set(waiting).count != waiting.count { return "a request waits twice" }
        if let lease = pool.executors.values.first(where: { engines[$0.lease.engine]?.lease != $0.lease.generation }) {
            return "\(lease.lease.engine) is gone, and its lease is not"
        }
        return pool.violation
    }

    /// Of what holds for an engine and its workers.
    private func violation(of engine: EngineRecord) -> String? {
        if let lease = engine.lease, pool.executors[engine.id]?.lease.generation != lease {
            return "\(engine.id) has a lease that the pool does not know"
        }
        if engine.phase == .ready || engine.phase == .starting, engine.workers.count != engine.worldSize {
            return "\(engine.id) has \(engine.workers.count) of \(engine.worldSize) workers"
        }
        return engine.place.flatMap { violation(of: $0, engine) }
    }

    /// Of what holds for an engine's place.
    private func violation(of place: Place, _ engine: EngineRecord) -> String? {
        if place.ranks.count != max(1, engine.worldSize) {
            return "\(engine.id) has \(place.ranks.count) ranks placed, of \(max(1, engine.worldSize))"
        }
        let own = devices.filter { place.contains($0.id) }
        let isOnOneCPU = own.count == 1 && own.allSatisfy(\.isCPU)
        let hasOneEach =
            own.count == place.ranks.count && Set(own.map(\.kind)).count == 1 && !own.contains(where: \.isCPU)
        if !isOnOneCPU, !hasOneEach {
            return "\(engine.id) is on \(place.ranks), which is no place"
        }
        if let other = engine.processes.compactMap({ processes[$0]?.device }).first(where: { $0 != engine.device }) {
            return "\(engine.id) begins on \(place.ranks[0]), and has a process on \(other)"
        }
        for (rank, worker) in engine.workers.enumerated() {
            if let device = pool.workers[worker]?.device, device != place.ranks[rank] {
                return "rank \(rank) of \(engine.id) is on \(device), and its place is \(place.ranks[rank])"
            }
        }
        return nil
    }

    /// Of what holds for the engines of one model.
    private func violation(of model: ModelRecord) -> String? {
        let name = model.specification.name
        let present = engines(of: model)
        let ready = present.filter { $0.phase == .ready }
        if present.count > model.specification.replicas { return "'\(name)' has \(present.count) engines" }
        if Set(model.engines).count != model.engines.count { return "an engine of '\(name)' is listed twice" }
        guard let engine = present.first else { return nil }
        if engine.id != model.engine { return "no engine stands for '\(name)'" }
        if !ready.isEmpty, engine.phase != .ready { return "\(engine.id) stands for '\(name)', and another is ready" }
        if Set(ready.map(\.fingerprint)).count > 1 { return "engines of '\(name)' serve different files" }
        for replica in present.dropFirst() {
            if [.suspending, .asleep, .resuming].contains(replica.phase) { return "the replica \(replica.id) sleeps" }
            if !replica.loads.isEmpty { return "a load waits for the replica \(replica.id)" }
            if replica.isUnplaced, engine.phase != .ready { return "\(replica.id) gets ahead of others" }
        }
        return nil
    }

    /// A measurement can show that an engine takes more than was reckoned with. That is a fact, not a decision.
    private func hasMeasuredMore(_ device: DeviceID) -> Bool {
        models.values.contains { model in
            model.template?.device == device && model.template?.isMeasured == true
                || engines(of: model).contains { $0.place?.contains(device) == true }
                    && (model.measuredFootprint != nil || model.measuredCloneFootprint != nil)
        }
    }
}
