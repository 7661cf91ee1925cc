// The end of templates: given up, failed, or made from files that have changed.

extension Scheduler {
    /// A template fails when so many of its processes fail in a row.
    private static let childFailures = 3

    /// Why a template is given up that was made from what is not there any more.
    static let otherFiles = "the files of the model folder have changed"

    /// Ends the template and its idle processes. Engines that were forked from it live on.
    mutating func giveUpTemplate(of name: String, because reason: String) {
        guard let template = models[name]?.template, !template.isEnding else { return }
        endings.append(.templateGivenUp(model: name, reason: reason))
        end(template, of: name)
    }

    private mutating func end(_ template: TemplateRecord, of name: String) {
        models[name]?.template?.phase = .ending
        models[name]?.template?.since = now
        if let process = template.process {
            endProcesses { $0.isSpare && ($0.template == process || $0.id == process) }
        }
        settleTemplate(of: name)
    }

    /// The model is cold with the reason, until it is tried again after a pause.
    mutating func templateFailed(of name: String, _ error: ControllerError, log: LogSource?) {
        guard let template = models[name]?.template, !template.isEnding else { return }
        if let readyAt = template.readyAt, now - readyAt >= Self.quickDeath {
            models[name]?.templateBackoff.succeeded()
        }
        models[name]?.templateBackoff.failed(at: now)
        models[name]?.templateError = error
        endings.append(.templateFailed(model: name, reason: error.message))
        end(template, of: name)
        failSleep(of: name, error, log: log)
    }

    mutating func preparationFailed(_ process: ProcessID, reason: String) {
        guard let name = processes[process]?.model, models[name]?.template?.process == process else { return }
        templateFailed(of: name, .templateFailed(name, reason), log: .process(process))
    }

    mutating func templateGone(_ process: ProcessRecord, reason: String) {
        guard let name = process.model, models[name]?.template?.process == process.id else { return }
        templateFailed(of: name, .templateFailed(name, reason), log: .process(process.id))
        settleTemplate(of: name)
    }

    /// A process that the template forked is gone, before it had a use. The next is forked after a pause.
    mutating func spareGone(_ process: ProcessRecord, reason: String) {
        guard let name = process.model, let template = models[name]?.template, template.process == process.template
        else { return }
        // One that was forked before the weights came is of no use any more, and its end no sign.
        let isWanted = template.phase == .ready && process.isLoaded == template.isLoaded
        // Those that were under way together fail together: that is one failure.
        let isAnother = template.lastChildFailure.map { $0 < process.startedAt } ?? true
        if isWanted, isAnother, process.isSpare, process.state == .starting || diedQuickly(process) {
            // So far apart, failures are accidents.
            let memory = limits.processStartTimeout + Self.quickDeath
            if let last = template.lastChildFailure, now - last > memory {
                models[name]?.template?.forkBackoff.succeeded()
            }
            models[name]?.template?.forkBackoff.failed(at: now)
            models[name]?.template?.lastChildFailure = now
            let failures = models[name]?.template?.forkBackoff.failures ?? 0
            if failures >= Self.childFailures {
                templateFailed(
                    of: name,
                    .templateFailed(name, "\(failures) of its processes failed in a row; the last: \(reason)"),
                    log: .process(process.id))
            }
        }
        settleTemplate(of: name)
    }

    /// Once the template and its idle processes are gone, their memory is free.
    func hasLeftovers(_ template: TemplateRecord) -> Bool {
        guard let process = template.process else { return false }
        return processes.values.contains {
            $0.id == process || ($0.template == process && ($0.isSpare || $0.state == .ending(nil)))
        }
    }

    private mutating func settleTemplate(of name: String) {
        guard let model = models[name], let template = model.template, template.isEnding, !hasLeftovers(template) else {
            return
        }
        // The engines that shared the weights have them alone now. They are counted once.
        if let engine = engines(of: model).first(where: sharesWeights), isCPU(template.device) {
            // Where nobody knows the size of the weights, they are all that the template had.
            let weights =
                template.weightBytes == 0
                ? template.footprint : min(template.footprint, Footprint.weights(template.weightBytes))
            engines[engine.id]?.footprint = (engine.footprint ?? 0) + weights
            engines[engine.id]?.keptWeights = weights
        }
        models[name]?.template = nil
        completeUnloads(of: name)
    }

    mutating func endProcesses(where isWanted: (ProcessRecord) -> Bool) {
        for process in processesInOrder where isWanted(process) {
            processes[process.id]?.state = .ending(nil)
            actions.append(.end(process.id))
        }
    }

    mutating func expireTemplates() {
        for name in models.keys.sorted() {
            guard let template = models[name]?.template, let deadline = deadline(of: template, name), deadline <= now
            else { continue }
            let allowed = models[name]?.specification.startTimeout.seconds ?? 0
            templateFailed(
                of: name, .templateFailed(name, "it was not ready within \(allowed) s (start_timeout)"),
                log: template.process.map { .process($0) })
        }
    }

    /// Those that are forking are watched as processes.
    func deadline(of template: TemplateRecord, _ name: String) -> Moment? {
        switch template.phase {
        case .inspecting, .preparing: template.since + (models[name]?.specification.startTimeout ?? .zero)
        case .forking, .ready, .ending: nil
        }
    }
}

extension ControllerError {
    static func templateFailed(_ model: String, _ reason: String) -> ControllerError {
        ControllerError(.startFailed, "The template of '\(model)' failed: \(reason)")
    }
}
