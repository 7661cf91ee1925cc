// Making templates: inspecting -> forking -> preparing -> ready, in the background, one at a time.

extension Scheduler {
    /// Begins the next template. Those that a sleep waits for are made at once; the others one by one, and none while an
    /// engine is on its way: no start is ever delayed by them. One that failed waits for all that have not.
    mutating func fillTemplates() {
        guard !isShuttingDown else { return }
        let inOrder = models.values.sorted { left, right in
            (left.templateError == nil ? 0 : 1, lastUse(right), left.specification.name)
                < (right.templateError == nil ? 0 : 1, lastUse(left), right.specification.name)
        }
        for model in inOrder where isTemplateMissing(model) && model.sleep?.step == .loading {
            beginTemplate(of: model.specification.name, isUrgent: true)
        }
        guard !engines.values.contains(where: \.isComing),
            !models.values.contains(where: { $0.template?.isBackgroundWork == true }),
            let next = inOrder.first(where: { isTemplateMissing($0) && $0.sleep == nil }),
            templateDevice(for: next, weightBytes: nil, isLoaded: false) != nil
        else { return }
        beginTemplate(of: next.specification.name, isUrgent: false)
    }

    private func isTemplateMissing(_ model: ModelRecord) -> Bool {
        model.specification.hasTemplate && !model.isBeingRemoved && model.template == nil
            && model.templateBackoff.remaining(at: now) == nil
            && runtimes[model.specification.runtime]?.isReady == true
    }

    private mutating func beginTemplate(of name: String, isUrgent: Bool) {
        models[name]?.template = TemplateRecord(since: now, isUrgent: isUrgent)
        actions.append(.inspectForTemplate(model: name))
    }

    /// The first device that has room for the model as well; otherwise the first that has room for its template.
    /// - Parameter weightBytes: nil: not known yet.
    func templateDevice(for model: ModelRecord, weightBytes: Int?, isLoaded: Bool) -> DeviceSpecification? {
        let bare = Footprint.template(weightBytes: 0, isLoaded: false)
        let fitting = devices.filter { device in
            guard device.isCPU else { return !isLoaded }
            let weightBytes = weightBytes ?? 0
            return freeBytes(device)
                >= (isLoaded ? loadedTemplateBytes(of: model, weightBytes: weightBytes, on: device) : bare)
        }
        return fitting.first { device in
            let need = need(of: model, weightBytes: weightBytes ?? 0, on: device).footprint
            return device.memoryBytes - pinnedBytes(device.id, for: model.specification.name) >= need
                + (device.isCPU ? bare : 0)
        } ?? fitting.first
    }

    mutating func templateInspected(_ name: String, _ inspection: ModelInspection) {
        guard let model = models[name] else { return }
        guard let template = model.template, template.phase == .inspecting else {
            return sleepInspected(name, inspection)
        }
        guard let zygote = runtimes[model.specification.runtime]?.zygote,
            runtimes[model.specification.runtime]?.isReady == true
        else {
            // A new zygote comes up, and then it is begun anew.
            models[name]?.template = nil
            return
        }
        let isLoaded = model.sleep?.step == .loading
        var device = templateDevice(for: model, weightBytes: inspection.weightBytes, isLoaded: isLoaded)
        if device == nil, isLoaded {
            failSleep(of: name, noRoomForWeights(model, inspection.weightBytes))
            device = templateDevice(for: model, weightBytes: inspection.weightBytes, isLoaded: false)
        }
        guard let device else {
            models[name]?.template = nil
            return
        }
        let process = nextProcess(.template, model.specification.runtime, device: device.id, model: name)
        models[name]?.template?.process = process
        models[name]?.template?.device = device.id
        models[name]?.template?.fingerprint = inspection.fingerprint
        models[name]?.template?.weightBytes = inspection.weightBytes
        models[name]?.template?.footprint = Footprint.template(weightBytes: 0, isLoaded: false)
        enter(.forking, name)
        actions.append(.fork(process, .template, model.specification.runtime, device.id, source: zygote))
    }

    mutating func templateInspectionFailed(_ name: String, _ error: ControllerError) {
        if models[name]?.template?.phase == .inspecting {
            templateFailed(of: name, error, log: nil)
        } else if models[name]?.sleep?.step == .inspecting {
            failSleep(of: name, error)
        }
    }

    /// The template's process is up: it is told its model, and to load the weights if somebody waits for them and no
    /// start for memory.
    mutating func templateIdle(_ name: String) {
        guard let model = models[name], let template = model.template, template.phase == .forking else { return }
        let isToLoad = model.sleep?.step == .loading && !isStartWaiting(on: template.device)
        if !isToLoad || !loadWeights(of: name) { prepare(name, isLoaded: false) }
    }

    /// - Returns: false, and the sleep has failed, if they have no room.
    @discardableResult
    mutating func loadWeights(of name: String) -> Bool {
        guard let model = models[name], let template = model.template,
            let device = devices.first(where: { $0.id == template.device })
        else { return false }
        guard device.isCPU else {
            failSleep(
                of: name, .cannotSleep(name, "has its template on \(device.id), where only a loaded model can sleep"))
            return false
        }
        let footprint = loadedTemplateBytes(of: model, weightBytes: template.weightBytes, on: device)
        guard freeBytes(device) >= footprint - template.footprint else {
            failSleep(of: name, noRoomForWeights(model, template.weightBytes))
            return false
        }
        models[name]?.template?.footprint = footprint
        models[name]?.template?.isMeasured = false
        prepare(name, isLoaded: true)
        return true
    }

    private mutating func prepare(_ name: String, isLoaded: Bool) {
        guard let model = models[name], let template = model.template, let process = template.process,
            let device = devices.first(where: { $0.id == template.device })
        else { return }
        enter(.preparing(loading: isLoaded), name)
        actions.append(
            .prepare(
                TemplateOrder(
                    process: process, model: name, device: device.id,
                    kvCacheBytes: need(of: model, weightBytes: template.weightBytes, on: device).kvCacheBytes,
                    isLoaded: isLoaded)))
    }

    private mutating func enter(_ phase: TemplateRecord.Phase, _ name: String) {
        models[name]?.template?.phase = phase
        models[name]?.template?.since = now
    }

    mutating func prepared(_ process: ProcessID, isLoaded: Bool, stages: [StageTime]) {
        guard let name = processes[process]?.model, var template = models[name]?.template,
            template.process == process, template.phase == .preparing(loading: isLoaded)
        else { return }
        template.phase = .ready
        template.since = now
        template.isLoaded = isLoaded
        template.isUrgent = false
        template.stages += stages
        template.readyAt = template.readyAt ?? now
        models[name]?.template = template
        models[name]?.templateError = nil
        // What was forked before has no weights: the next start is to share them.
        endProcesses { $0.template == process && $0.isLoaded != isLoaded && $0.isSpare }
        actions.append(.measureTemplate(process))
    }

    mutating func templateMeasured(_ process: ProcessID, bytes: Int) {
        guard let name = processes[process]?.model, models[name]?.template?.process == process,
            models[name]?.template?.phase == .ready
        else { return }
        models[name]?.template?.footprint = bytes
        models[name]?.template?.isMeasured = true
    }

    private func noRoomForWeights(_ model: ModelRecord, _ weightBytes: Int) -> ControllerError {
        let here = devices.filter { $0.isCPU && (model.template?.device == nil || $0.id == model.template?.device) }
        let loaded = here.map { loadedTemplateBytes(of: model, weightBytes: weightBytes, on: $0) }.min() ?? 0
        let needed = loaded - (model.template?.footprint ?? 0)
        let sums = here.map {
            "\($0.id) has \(mebibytes($0.memoryBytes)), of which \(mebibytes(freeBytes($0))) are free"
        }
        return ControllerError(
            .outOfMemory,
            "The weights of '\(model.specification.name)' cannot be kept: \(mebibytes(needed)) are needed, and "
                + "\(sums.joined(separator: "; ")). Unload another model, or give the device more memory.")
    }
}
