// Models that are made and removed at run time.

extension Scheduler {
    // MARK: Making

    /// Why a model with these names cannot be made; nil: it can.
    public func refusal(of model: ModelSpecification) -> ControllerError? {
        if isShuttingDown { return .shuttingDown }
        if let taken = ([model.name] + model.aliases).first(where: { !isFree($0) }) { return nameTaken(taken) }
        guard models.values.count(where: \.isCreated) < limits.createdModels else {
            return ControllerError(
                .conflict,
                "\(limits.createdModels) engines were made at run time already, which is the most there may be. Delete one "
                    + "of them first.")
        }
        return nil
    }

    /// Whether no model and no engine answers to the name, or is about to leave it free.
    public func isFree(_ name: String) -> Bool {
        names[name] == nil && models[name] == nil && engines[EngineID(name)] == nil
    }

    private func nameTaken(_ name: String) -> ControllerError {
        if models[name]?.isBeingRemoved == true {
            return ControllerError(.conflict, "The engine '\(name)' is being deleted. Try again once it is gone.")
        }
        guard let owner = names[name], models[owner]?.isCreated == false else {
            return ControllerError(
                .conflict, "There is an engine '\(name)' already. Delete it first, or choose another id.")
        }
        return ControllerError(
            .conflict,
            "'\(name)' is a name of the configured model '\(owner)'. Choose another id, or send requests to that model."
        )
    }

    /// Adds the model, and loads it.
    /// - Parameter isAwaited: whether somebody waits for the outcome. Then a place is found for it now, or it is not kept.
    mutating func create(_ command: CommandID, _ specification: ModelSpecification, isAwaited: Bool) {
        if let error = refusal(of: specification) { return actions.append(.failLoad(command, error, log: nil)) }
        let name = specification.name
        models[name] = ModelRecord(specification: specification)
        models[name]?.creation = CreationRecord()
        for name in [name] + specification.aliases { names[name] = specification.name }
        actions.append(.publishRoutes)
        load(command, name: name)
        let first = models[name]?.engine
        if isAwaited { models[name]?.creation?.first = first }
    }

    // MARK: A new model's first place

    private func isFirst(_ engine: EngineRecord) -> Bool {
        engine.isUnplaced && models[engine.model]?.creation?.first == engine.id
    }

    /// What is wrong with a new model's folder is wrong with the wish for it.
    func inspectionError(_ error: ControllerError, of engine: EngineRecord) -> ControllerError {
        guard isFirst(engine), error.code == .startFailed else { return error }
        return ControllerError(.unprocessable, error.message, parameter: "model")
    }

    /// Whether a new model would fit without the pinned ones, or never.
    func sizeError(_ error: ControllerError, of engine: EngineRecord, _ options: [Option]) -> ControllerError {
        guard isFirst(engine) else { return error }
        let isPinnedOut = isPlace(for: engine, among: options.filter { $0.device.memoryBytes >= $0.neededBytes })
        return ControllerError(isPinnedOut ? .conflict : .unprocessable, error.message)
    }

    /// A new model that somebody waits for makes room for itself where others are idle, and is refused where they are not:
    /// whoever makes engines decides what has to go.
    func fullNow(_ engine: EngineRecord, _ options: [Option]) -> ControllerError? {
        guard isFirst(engine), let model = models[engine.model] else { return nil }
        let possible = options.filter(\.isPossible)
        let obtainable = possible.filter { obtainableBytes($0.device, for: engine) >= $0.footprint }
        guard !isPlace(for: engine, among: obtainable) else { return nil }
        let sums = possible.map { option in
            let obtainable = max(0, obtainableBytes(option.device, for: engine))
            let held = option.device.memoryBytes - obtainable
            return "\(option.device.id) has \(mebibytes(option.device.memoryBytes)), of which models that are busy, "
                + "pinned, starting or waiting in front hold \(mebibytes(held)), and "
                + needed(option.footprint, option, model)
        }
        return ControllerError(
            .conflict,
            "There is no room for '\(engine.model)' now: \(sums.joined(separator: "; ")). Unload or delete another, or try "
                + "again when one is idle.")
    }

    /// What the device would have for the engine if everything went that is idle, now or soon.
    private func obtainableBytes(_ device: DeviceSpecification, for wanted: EngineRecord) -> Int {
        var kept = 0
        for engine in engines.values where !isToBeHad(engine) { kept += engine.bytes(on: device.id) }
        for model in models.values where model.specification.name != wanted.model && keepsTemplate(model) {
            kept += templateBytes(model, on: device.id)
        }
        // Those in front in the line have chosen their devices already.
        for engine in engines.values
        where engine.phase == .placing && engine.generation < wanted.generation {
            guard engine.awaitedPlace?.contains(device.id) == true else { continue }
            guard let model = models[engine.model], let weightBytes = engine.weightBytes else { continue }
            kept += need(of: model, weightBytes: weightBytes, on: device).footprint
        }
        return device.memoryBytes - kept
    }

    private func isToBeHad(_ engine: EngineRecord) -> Bool {
        if engine.isGoing { return true }
        let isSettled = engine.phase == .ready || (engine.phase == .asleep && !engine.isWaking)
        return isSettled && isIdle(engine) && models[engine.model]?.specification.isPinned == false
    }

    private func keepsTemplate(_ model: ModelRecord) -> Bool {
        guard let template = model.template, !template.isEnding else { return false }
        let users = engines.values.filter { $0.template == template.process && !isToBeHad($0) }
        if model.sleep?.commands.isEmpty == false || users.contains(where: { $0.phase == .starting }) { return true }
        return template.takesWeights && (model.specification.isPinned || users.contains(where: sharesWeights))
    }

    // MARK: Removing

    /// Takes the model's names away, refuses what waits for it, and ends what was made for it; requests in flight end first.
    mutating func remove(_ command: CommandID, _ name: String) {
        guard models[name]?.isCreated == true else { return actions.append(.removed(model: name, for: [command])) }
        if models[name]?.isBeingRemoved == true {
            models[name]?.creation?.removals?.append(command)
        } else {
            beginRemoval(of: name, for: [command])
        }
    }

    private mutating func beginRemoval(of name: String, for commands: [CommandID]) {
        models[name]?.creation?.removals = commands
        names = names.filter { $0.value != name }
        actions.append(.publishRoutes)
        let error = ControllerError(.conflict, "The engine '\(name)' was deleted while this waited.")
        failSleep(of: name, error)
        refuseAll(of: name, error, log: nil)
        giveUpTemplate(of: name, because: "the model was deleted")
        settleRemoval(of: name)
    }

    /// Goes on with what was begun in this or an earlier step.
    mutating func settleCatalog() {
        for name in models.keys.sorted() {
            guard let creation = models[name]?.creation else { continue }
            if creation.removals != nil {
                settleRemoval(of: name)
            } else if let first = creation.first, engines[first]?.isUnplaced != true {
                models[name]?.creation?.first = nil
                // It never had a place, and who waited for it was told why.
                if engines[first] == nil { beginRemoval(of: name, for: []) }
            }
        }
    }

    private mutating func settleRemoval(of name: String) {
        for engine in enginesInOrder where engine.model == name {
            switch engine.phase {
            case .queued, .placing, .starting, .resuming, .asleep, .suspending: stop(engine.id)
            case .ready: drain(engine.id)
            case .draining: engines[engine.id]?.isToSuspend = false
            case .stopping: break
            }
        }
        guard let model = models[name], model.template == nil, !engines.values.contains(where: { $0.model == name })
        else { return }
        models[name] = nil
        actions.append(.removed(model: name, for: model.creation?.removals ?? []))
    }

    // MARK: What must hold

    /// What is broken, in words.
    var catalogViolation: String? {
        for (name, owner) in names where models[owner]?.isBeingRemoved != false {
            return "'\(name)' leads to '\(owner)', which is gone or going"
        }
        for (name, model) in models where model.isBeingRemoved {
            if model.isWanted || model.wantsSleep { return "somebody waits for '\(name)', which is being removed" }
            if model.template?.isEnding == false { return "'\(name)' is being removed, and its template stays" }
        }
        return nil
    }
}
