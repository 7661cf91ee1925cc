// Who has to make room.

extension Scheduler {
    /// Something that can be given up for another model's start.
    private enum Victim {
        case engine(EngineRecord)
        /// The model's loaded template, right after its engine.
        case templateAfter(EngineID, bytes: Int)
        case template(model: String, bytes: Int)
    }

    /// Evicts what is idle, least recently used first, until the bytes will be free: engines and loaded templates, then
    /// templates without weights. If they cannot be had so, asks to be told when a busy engine is idle; one that is busy
    /// all the time has to end what it has after a while, and then goes. Nothing goes unless that will be enough.
    mutating func makeRoom(_ option: Option, for wanted: EngineRecord) {
        let device = option.device.id
        var missing = option.footprint - freeBytes(option.device) - goingBytes(device)
        guard missing > 0 else { return }
        var victims: [Victim] = []
        for victim in idleVictims(on: device, for: wanted) + spareTemplates(on: device, for: wanted, option)
        where missing > 0 {
            victims.append(victim)
            missing -= bytes(of: victim)
        }
        let settled = enginesInOrder.filter { $0.device == device && isRemovable($0) }
        var drained: [EngineRecord] = []
        if missing > 0, patienceEnd(wanted) <= now {
            // Not one that was given requests a moment ago: those are still on their way to it.
            let busy = settled.filter {
                inFlight($0.id) > 0 && admitted[$0.id] == nil && residentUntil($0) <= now
            }
            for engine in busy.sorted(by: { ($0.readyAt ?? now) < ($1.readyAt ?? now) }) where missing > 0 {
                drained.append(engine)
                missing -= (engine.footprint ?? 0) + sharedBytes(engine, on: device)
            }
        }
        if missing <= 0 {
            for victim in victims { remove(victim) }
            for engine in drained {
                let takesTemplate = sharedBytes(engine, on: device) > 0
                engines[engine.id]?.takesTemplate = takesTemplate
                drain(engine.id)
            }
        } else {
            for engine in settled where inFlight(engine.id) > 0 {
                actions.append(.watch(engine.id, below: inFlight(engine.id)))
            }
        }
    }

    private mutating func remove(_ victim: Victim) {
        switch victim {
        case .engine(let engine) where engine.phase == .asleep: stop(engine.id)
        case .engine(let engine): evict(engine.id)
        case .templateAfter(let engine, _): engines[engine]?.takesTemplate = true
        case .template(let model, _): giveUpTemplate(of: model)
        }
    }

    private func bytes(of victim: Victim) -> Int {
        switch victim {
        case .engine(let engine): engine.footprint ?? 0
        case .templateAfter(_, let bytes), .template(_, let bytes): bytes
        }
    }

    /// Idle engines, those with shared weights together with the template that has them too, and loaded templates that
    /// no engine shares.
    private func idleVictims(on device: DeviceID, for wanted: EngineRecord) -> [Victim] {
        modelsByUse.flatMap { model -> [Victim] in
            let name = model.specification.name
            guard name != wanted.model, !model.specification.isPinned else { return [] }
            let held = loadedBytes(name, on: device)
            let alone = held > 0 ? [Victim.template(model: name, bytes: held)] : []
            guard let engine = model.engine.flatMap({ engines[$0] }) else { return alone }
            // One that is ahead in the line may be about to start from it.
            if engine.isUnplaced { return wanted.generation < engine.generation ? alone : [] }
            let shared = sharedBytes(engine, on: device)
            let unshared = shared > 0 ? [] : alone
            guard engine.device == device, isRemovable(engine), isIdle(engine), residentUntil(engine) <= now else {
                return unshared
            }
            return unshared + [.engine(engine)] + (shared > 0 ? [.templateAfter(engine.id, bytes: shared)] : [])
        }
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

    /// The same for a template whose weights the engine holds as well: they come back when both are gone.
    private func sharedBytes(_ engine: EngineRecord, on device: DeviceID) -> Int {
        sharesWeights(engine) ? loadedBytes(engine.model, on: device) : 0
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

    func isStartedFrom(_ model: ModelRecord) -> Bool {
        guard let process = model.template?.process, let engine = model.engine.flatMap({ engines[$0] }) else {
            return false
        }
        return engine.phase == .starting && engine.template == process
    }

    private func isRemovable(_ engine: EngineRecord) -> Bool {
        (engine.phase == .ready || (engine.phase == .asleep && !engine.isWaking))
            && models[engine.model]?.specification.isPinned == false
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
        guard let engine = model.engine.flatMap({ engines[$0] }), engine.phase == .ready || engine.phase == .asleep
        else { return model.lastUsed }
        return lastUse(engine)
    }
}
