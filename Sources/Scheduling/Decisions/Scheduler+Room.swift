// Who has to make room.

extension Scheduler {
    /// Something that can be given up for another model's start.
    private enum Victim {
        case engine(EngineRecord)
        /// The model's loaded template, right after the engines that share its weights.
        case templateAfter([EngineID], bytes: Int)
        case template(model: String, bytes: Int)

        /// (Weights that another engine of its model goes on to hold do not come back. Then there is another round.)
        func bytes(on device: DeviceID) -> Int {
            switch self {
            case .engine(let engine): engine.bytes(on: device)
            case .templateAfter(_, let bytes), .template(_, let bytes): bytes
            }
        }

        var engineID: EngineID? { if case .engine(let engine) = self { engine.id } else { nil } }
    }

    /// Who goes so that an engine gets its place.
    private struct RoomPlan {
        var victims: [Victim] = []
        /// Busy, and to end what they have.
        var drained: [EngineRecord] = []
        /// Those among them that take their model's loaded template along.
        var sharers: [EngineID] = []
        var isEnough = true

        var leaving: [EngineID] { drained.map(\.id) + victims.compactMap(\.engineID) }
        /// What is free on the device when they are gone. (Templates are on one device each, and no group is there.)
        func engineBytes(on device: DeviceID) -> Int {
            drained.reduce(0) { $0 + $1.bytes(on: device) }
                + victims.reduce(0) { $0 + ($1.engineID == nil ? 0 : $1.bytes(on: device)) }
        }
    }

    /// Evicts what is idle, least recently used first, until the bytes will be free on every device of the choice: engines
    /// that their models can do without, then other engines and loaded templates, then templates without weights. If they
    /// cannot be had so, asks to be told when a busy engine is idle; one that is busy all the time has to end what it has
    /// after a while, and then goes. Nothing goes unless that will be enough.
    mutating func makeRoom(_ choice: Choice, for wanted: EngineRecord) {
        let plan = plan(for: choice.options, wanted)
        if plan.isEnough {
            for victim in plan.victims { remove(victim) }
            for engine in plan.sharers { engines[engine]?.takesTemplate = true }
            for engine in plan.drained { drain(engine.id) }
        } else {
            for engine in enginesInOrder where choice.place.devices.contains(where: { isSettled(engine, on: $0) }) {
                guard inFlight(engine.id) > 0 else { continue }
                actions.append(.watch(engine.id, below: inFlight(engine.id)))
            }
        }
    }

    /// The choice for which least has to be done: devices where enough is free or will be, then those where something idle
    /// can go, and those that nobody can leave now at last.
    func cheapest(for wanted: EngineRecord, among options: [Option]) -> Choice? {
        choice(for: wanted, among: options) { option in
            let plan = plan(for: [option], wanted)
            if !plan.isEnough { return 3 }
            return plan.drained.isEmpty ? plan.victims.isEmpty ? 0 : 1 : 2
        } free: {
            freeBytes($0.device) + goingBytes($0.device.id)
        }
    }

    private func plan(for options: [Option], _ wanted: EngineRecord) -> RoomPlan {
        var plan = RoomPlan()
        for option in options { extend(&plan, by: option, wanted) }
        return plan
    }

    private func extend(_ plan: inout RoomPlan, by option: Option, _ wanted: EngineRecord) {
        let device = option.device.id
        var missing = option.footprint - freeBytes(option.device) - goingBytes(device) - plan.engineBytes(on: device)
        guard missing > 0 else { return }
        for victim in idleVictims(on: device, for: wanted) + spareTemplates(on: device, for: wanted, option)
        where missing > 0 {
            if let engine = victim.engineID, plan.leaving.contains(engine) { continue }
            plan.victims.append(victim)
            missing -= victim.bytes(on: device)
        }
        if missing > 0, patienceEnd(wanted) <= now {
            // Not one that was given requests a moment ago: those are still on their way to it.
            let busy = enginesInOrder.filter {
                isSettled($0, on: device) && inFlight($0.id) > 0 && admitted[$0.id] == nil && residentUntil($0) <= now
                    && !plan.leaving.contains($0.id)
            }
            for engine in drainOrder(busy) where missing > 0 {
                plan.drained.append(engine)
                missing -= engine.bytes(on: device)
                guard sharesWeights(engine) else { continue }
                if let shared = weights(sharedOnlyBy: plan.leaving, engine.model, on: device) {
                    plan.sharers += shared.sharers
                    missing -= shared.bytes
                }
            }
        }
        if missing > 0 { plan.isEnough = false }
    }

    private func isSettled(_ engine: EngineRecord, on device: DeviceID) -> Bool {
        engine.place?.contains(device) == true && isRemovable(engine)
    }

    private mutating func remove(_ victim: Victim) {
        switch victim {
        case .engine(let engine) where engine.phase == .asleep: stop(engine.id)
        case .engine(let engine): evict(engine.id)
        case .templateAfter(let sharers, _): for engine in sharers { engines[engine]?.takesTemplate = true }
        case .template(let model, _): giveUpTemplate(of: model, because: "its memory is needed")
        }
    }

    /// Replicas first: their requests have others to go to. Then those that have been ready longest.
    private func drainOrder(_ busy: [EngineRecord]) -> [EngineRecord] {
        let order = busy.sorted { ($0.readyAt ?? now) < ($1.readyAt ?? now) }
        return order.filter(isReplica) + order.filter { !isReplica($0) }
    }

    /// Idle engines, those with shared weights together with the template that has them too, and loaded templates that
    /// no engine shares. First those engines without which their models stay loaded.
    private func idleVictims(on device: DeviceID, for wanted: EngineRecord) -> [Victim] {
        let others = modelsByUse.filter { $0.specification.name != wanted.model }
        let spare = others.flatMap { spareEngines(of: $0, on: device) }.sorted {
            (lastUse($0), $0.generation) < (lastUse($1), $1.generation)
        }
        return spare.map(Victim.engine) + others.flatMap { lastVictims(of: $0, on: device, for: wanted) }
    }

    /// Replicas first.
    private func idleEngines(of model: ModelRecord, on device: DeviceID) -> [EngineRecord] {
        engines(of: model).reversed().filter {
            isSettled($0, on: device) && isIdle($0) && residentUntil($0) <= now
        }
    }

    private func spareEngines(of model: ModelRecord, on device: DeviceID) -> [EngineRecord] {
        let ready = engines(of: model).count { $0.phase == .ready }
        return Array(idleEngines(of: model, on: device).prefix(max(0, ready - 1)))
    }

    /// What is left of the model when its spare engines are gone.
    private func lastVictims(of model: ModelRecord, on device: DeviceID, for wanted: EngineRecord) -> [Victim] {
        let name = model.specification.name
        guard !model.specification.isPinned else { return [] }
        let held = loadedBytes(name, on: device)
        let alone = held > 0 ? [Victim.template(model: name, bytes: held)] : []
        guard let engine = model.engine.flatMap({ engines[$0] }) else { return alone }
        // One that is ahead in the line may be about to start from it.
        if engine.isUnplaced { return wanted.generation < engine.generation ? alone : [] }
        let isShared = engines(of: model).contains(where: sharesWeights)
        let idle = idleEngines(of: model, on: device)
        let last = idle.dropFirst(spareEngines(of: model, on: device).count).map(Victim.engine)
        let after = weights(sharedOnlyBy: idle.map(\.id), name, on: device).map { sharers, bytes in
            Victim.templateAfter(sharers, bytes: bytes)
        }
        return (isShared ? [] : alone) + last + [after].compactMap(\.self)
    }

    /// Templates without weights, those in the making and those of pinned models among them. The model's own is the
    /// last, and only if there is no room beside it.
    private func spareTemplates(on device: DeviceID, for wanted: EngineRecord, _ option: Option) -> [Victim] {
        let others = modelsByUse.compactMap { model -> Victim? in
            let name = model.specification.name
            let bytes = templateBytes(model, on: device)
            guard name != wanted.model, bytes > 0, let template = model.template, !template.isEnding,
                !template.takesWeights, !isTemplateNeeded(model)
            else { return nil }
            return .template(model: name, bytes: bytes)
        }
        guard option.costsTemplate, option.ownBytes > 0 else { return others }
        return others + [.template(model: wanted.model, bytes: option.ownBytes)]
    }

    /// What giving up the model's loaded template brings; 0 if it has none that may be given up.
    private func loadedBytes(_ name: String, on device: DeviceID) -> Int {
        guard let model = models[name], !model.specification.isPinned, let template = model.template,
            !template.isEnding, template.takesWeights, !isTemplateNeeded(model)
        else { return 0 }
        return templateBytes(model, on: device)
    }

    /// The same for a template whose weights engines hold as well: they come back when it and all of these are gone. Nil if
    /// others than these hold them, or nobody does.
    private func weights(
        sharedOnlyBy leaving: [EngineID], _ name: String, on device: DeviceID
    ) -> (sharers: [EngineID], bytes: Int)? {
        let bytes = loadedBytes(name, on: device)
        let sharers = models[name].map { engines(of: $0).filter(sharesWeights).map(\.id) } ?? []
        guard bytes > 0, !sharers.isEmpty, sharers.allSatisfy(leaving.contains) else { return nil }
        return (sharers, bytes)
    }

    /// Whether the engine was forked from its model's present template after that had loaded the weights.
    public func sharesWeights(_ engine: EngineRecord) -> Bool {
        guard let process = models[engine.model]?.template?.process else { return false }
        return engine.template == process && engine.startTier == .asleep
    }

    /// Somebody waits for the model's sleep, or an engine is starting from the template.
    private func isTemplateNeeded(_ model: ModelRecord) -> Bool {
        model.sleep?.commands.isEmpty == false || isStartedFrom(model)
    }

    func isStartedFrom(_ model: ModelRecord) -> Bool { engines(of: model).contains(where: isStartingFromTemplate) }

    /// From its model's present template, that is.
    func isStartingFromTemplate(_ engine: EngineRecord) -> Bool {
        guard let process = models[engine.model]?.template?.process else { return false }
        return engine.phase == .starting && engine.template == process
    }

    private func isRemovable(_ engine: EngineRecord) -> Bool {
        (engine.phase == .ready || (engine.phase == .asleep && !engine.isWaking)) && !isPinned(engine)
            && !engine.isExternal
    }

    /// Nothing in flight, and nobody waits.
    func isIdle(_ engine: EngineRecord) -> Bool {
        inFlight(engine.id) == 0 && models[engine.model]?.waiting.isEmpty == true
    }

    /// From then on an engine that waits for memory need not wait for others to be idle by themselves.
    func patienceEnd(_ engine: EngineRecord) -> Moment {
        engine.queuedAt + max(limits.queueTimeout / 4, limits.minimumResidency)
    }

    func residentUntil(_ engine: EngineRecord) -> Moment { (engine.readyAt ?? now) + limits.minimumResidency }

    func lastUse(_ engine: EngineRecord) -> Moment {
        max(engine.readyAt ?? now, usage[engine.id]?.lastUsed ?? engine.readyAt ?? now)
    }

    /// The least recently used comes first.
    var modelsByUse: [ModelRecord] {
        models.values.sorted { (lastUse($0), $0.specification.name) < (lastUse($1), $1.specification.name) }
    }

    func lastUse(_ model: ModelRecord) -> Moment {
        let settled = engines(of: model).filter { $0.phase == .ready || $0.phase == .asleep }
        return settled.map(lastUse).max() ?? model.lastUsed
    }
}
