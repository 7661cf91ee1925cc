// The commands to load, wake and unload. (`sleep` has a file of its own.)

extension Scheduler {
    mutating func load(_ command: CommandID, name: String) {
        guard let name = model(named: name) else { return failLoad(command, .unknownModel(name)) }
        guard !isShuttingDown else { return failLoad(command, .shuttingDown) }
        models[name]?.lastUsed = now
        guard let id = models[name]?.engine, let engine = engines[id] else {
            models[name]?.loads.append(command)
            return ensureEngine(name)
        }
        switch engine.phase {
        case .ready: actions.append(.completeLoad(command, id))
        case .queued, .placing, .starting, .resuming: engines[id]?.loads.append(command)
        case .draining, .stopping, .suspending, .asleep:
            models[name]?.loads.append(command)
            ensureEngine(name)
        }
    }

    /// A load of a model that is asleep, or on its way there or back.
    mutating func wake(_ command: CommandID, name: String) {
        guard let known = model(named: name), let model = models[known] else {
            return failLoad(command, .unknownModel(name))
        }
        let tier = tier(of: known)
        let isComing = model.engine.flatMap { engines[$0] }?.isComing == true
        guard isShuttingDown || tier == .hot || tier == .asleep || isComing || model.wantsSleep else {
            return failLoad(
                command, ControllerError(.conflict, "'\(known)' is not asleep but \(tier.rawValue); load it instead."))
        }
        load(command, name: known)
    }

    private mutating func failLoad(_ command: CommandID, _ error: ControllerError) {
        actions.append(.failLoad(command, error, log: nil))
    }

    mutating func unload(_ command: CommandID, name: String) {
        if let engine = engines[EngineID(name)], engine.isExternal { return unload(command, engine) }
        guard let name = model(named: name), let model = models[name] else {
            return actions.append(.completeUnload(command, engines: []))
        }
        let weights = model.template?.takesWeights == true ? model.template?.process : nil
        models[name]?.unloads.append(UnloadRecord(command: command, engines: model.engines, template: weights))
        failSleep(of: name, ControllerError(.conflict, "'\(name)' was unloaded before it was asleep."))
        for id in model.engines { engines[id]?.takesTemplate = weights != nil }
        for id in model.engines { if let engine = engines[id] { end(engine) } }
        if model.engines.isEmpty, weights != nil { giveUpTemplate(of: name, because: "the model was unloaded") }
        completeUnloads(of: name)
    }

    private mutating func unload(_ command: CommandID, _ external: EngineRecord) {
        guard external.phase != .placing else {
            refuseExternal(external, "it was unloaded while it waited")
            return actions.append(.completeUnload(command, engines: [external.id]))
        }
        engines[external.id]?.unloads.append(command)
        stop(external.id)
    }

    private mutating func end(_ engine: EngineRecord) {
        switch engine.phase {
        case .queued, .placing, .starting, .resuming, .asleep:
            refuseAll(
                of: engine.model,
                ControllerError(.conflict, "The model was unloaded while this waited for its start."), log: nil)
            stop(engine.id)
        case .ready:
            // They would start it again. Loads do not wait for one that is ready.
            refuseAll(
                of: engine.model, ControllerError(.conflict, "The model was unloaded while this waited."), log: nil)
            drain(engine.id)
        case .draining: engines[engine.id]?.isToSuspend = false
        case .suspending: stop(engine.id)
        case .stopping: break
        }
    }

    /// Answers the unloads whose engines and weights are gone.
    mutating func completeUnloads(of name: String) {
        guard let model = models[name] else { return }
        let isOpen = { (unload: UnloadRecord) in
            unload.engines.contains { model.engines.contains($0) }
                || (unload.template != nil && unload.template == model.template?.process)
        }
        models[name]?.unloads = model.unloads.filter(isOpen)
        for unload in model.unloads where !isOpen(unload) {
            actions.append(.completeUnload(unload.command, engines: unload.engines))
        }
    }
}
