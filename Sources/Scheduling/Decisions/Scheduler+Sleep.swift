// Bringing models to sleep: their engine goes, and their weights are kept in memory by their template.

extension Scheduler {
    mutating func sleep(_ command: CommandID, name: String) {
        guard let name = model(named: name), let model = models[name] else {
            return failSleep([command], .unknownModel(name))
        }
        guard !isShuttingDown else { return failSleep([command], .shuttingDown) }
        let engine = model.engine.flatMap { engines[$0] }
        if model.sleep != nil {
            // Requests may have started it again meanwhile.
            if let engine, engine.phase == .ready, isCPU(engine.device) {
                beginSleep(of: name, for: command)
                drain(engine.id)
            } else {
                let deadline = sleepDeadline(of: model)
                models[name]?.sleep?.join(command, until: deadline)
            }
            return
        }
        if let engine, engine.isComing {
            return failSleep([command], .cannotSleep(name, "is starting; ask again when it is ready"))
        }
        if let engine, let device = engine.device, !isCPU(device), engine.phase != .stopping {
            return sleepInPlace(command, engine)
        }
        guard model.specification.leasedWorkers == 0 else {
            return failSleep(
                [command],
                .cannotSleep(name, "has leased workers, whose weights no template can keep; park its engine instead"))
        }
        guard devices.contains(where: \.isCPU) else {
            return failSleep(
                [command],
                .cannotSleep(name, "is not loaded, and only a loaded model can sleep on a device that is no CPU"))
        }
        guard model.specification.hasTemplate else {
            return failSleep(
                [command], .cannotSleep(name, "has no template ('template: false'), so its weights cannot be kept"))
        }
        beginSleep(of: name, for: command)
        if let engine, engine.phase == .ready { drain(engine.id) }
    }

    /// Those that wait for it already wait no longer than before. Replicas end; what becomes of the other is up to the caller.
    /// - Parameter command: who waits for it; nil: its engine was idle for long.
    mutating func beginSleep(of name: String, for command: CommandID?) {
        guard let model = models[name] else { return }
        let deadline = sleepDeadline(of: model)
        var sleep = SleepRecord(waiters: model.sleep?.waiters ?? [], engines: model.engines, deadline: deadline)
        if let command { sleep.join(command, until: deadline) }
        models[name]?.sleep = sleep
        endReplicas(of: name)
    }

    private func sleepDeadline(of model: ModelRecord) -> Moment {
        now + model.specification.startTimeout + limits.drainTimeout
    }

    mutating func advanceSleeps() {
        guard !isShuttingDown else { return }
        for name in models.keys.sorted() where models[name]?.sleep != nil { advanceSleep(of: name) }
    }

    private mutating func advanceSleep(of name: String) {
        guard let model = models[name], let sleep = model.sleep else { return }
        switch sleep.step {
        case .clearing:
            let going = sleep.engines.compactMap { engines[$0] }
            guard going.isEmpty else {
                // One is ready again if its eviction was refused: then it was wanted after all.
                if sleep.commands.isEmpty, going.contains(where: { $0.phase == .ready }) { models[name]?.sleep = nil }
                return
            }
            if sleep.commands.isEmpty, model.engine != nil || model.template == nil {
                models[name]?.sleep = nil
            } else {
                lookAtTemplate(of: name)
            }
        case .inspecting:
            // Its files have changed since: what was looked at is gone.
            if model.template?.phase != .ready { models[name]?.sleep?.step = .clearing }
        case .loading:
            guard let template = model.template else {
                if sleep.commands.isEmpty { models[name]?.sleep = nil }
                guard let pause = model.templateBackoff.remaining(at: now) else { return }
                return failSleep(of: name, .templateBacksOff(model, pause))
            }
            guard template.phase == .ready else { return }
            if template.isLoaded {
                completeSleep(of: name)
            } else if !isStartWaiting(on: template.device) {
                loadWeights(of: name)
            }
        case .suspended:
            if model.replicas.isEmpty { completeSleep(of: name) }
        }
    }

    /// What it holds already may be old; what is only being made is not.
    private mutating func lookAtTemplate(of name: String) {
        guard let model = models[name] else { return }
        switch model.template?.phase {
        case .ending: break
        // An engine that is starting from it is let finish, in case it turns out to be old.
        case .ready where isStartedFrom(model): break
        case .ready:
            models[name]?.sleep?.step = .inspecting
            actions.append(.inspectForTemplate(model: name))
        case .inspecting, .forking, .preparing, nil:
            models[name]?.sleep?.step = .loading
            models[name]?.template?.isUrgent = true
            advanceSleep(of: name)
        }
    }

    mutating func sleepInspected(_ name: String, _ inspection: ModelInspection) {
        guard let model = models[name], let template = model.template, model.sleep?.step == .inspecting,
            template.phase == .ready
        else { return }
        if template.fingerprint == inspection.fingerprint {
            models[name]?.sleep?.step = .loading
        } else {
            models[name]?.sleep?.step = .clearing
            if !isStartedFrom(model) { giveUpTemplate(of: name, because: Self.otherFiles) }
        }
    }

    mutating func completeSleep(of name: String) {
        for command in models[name]?.sleep?.commands ?? [] { actions.append(.completeSleep(command)) }
        models[name]?.sleep = nil
    }

    mutating func failSleep(of name: String, _ error: ControllerError, log: LogSource? = nil) {
        guard let sleep = models[name]?.sleep else { return }
        models[name]?.sleep = nil
        failSleep(sleep.commands, error, log: log)
    }

    mutating func failSleep(_ commands: [CommandID], _ error: ControllerError, log: LogSource? = nil) {
        for command in commands { actions.append(.failSleep(command, error, log: log)) }
    }

    mutating func expireSleeps() {
        for name in models.keys.sorted() {
            guard let sleep = models[name]?.sleep, sleep.nextDeadline <= now else { continue }
            let expired = models[name]?.sleep?.takeExpired(at: now) ?? []
            failSleep(
                expired,
                ControllerError(
                    .deadlinePassed,
                    "'\(name)' was not asleep within its start_timeout and the \(limits.drainTimeout.seconds) s for "
                        + "draining. Look at its template in GET /models, and ask again."))
            if sleep.deadline <= now { models[name]?.sleep = nil }
        }
    }
}

extension ControllerError {
    static func cannotSleep(_ model: String, _ reason: String) -> ControllerError {
        ControllerError(.conflict, "'\(model)' cannot be put to sleep: it \(reason).")
    }

    fileprivate static func templateBacksOff(_ model: ModelRecord, _ pause: Duration) -> ControllerError {
        ControllerError(
            .backingOff,
            "The last template of '\(model.specification.name)' failed, and the next one is tried in "
                + "\(pause.milliseconds.rounded()) ms. The reason was: \(model.templateError?.message ?? "unknown")",
            retryAfter: pause, logTail: model.templateError?.logTail ?? [])
    }
}
