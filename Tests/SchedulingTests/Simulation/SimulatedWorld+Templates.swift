import Scheduling

// How the world makes templates, and puts engines to sleep.

extension SimulatedWorld {
    func inspection(of model: String) -> ModelInspection {
        ModelInspection(weightBytes: weights[model] ?? 0, fingerprint: "\(versions[model] ?? 0)")
    }

    mutating func inspectForTemplate(_ model: String) {
        if fails(3) { return }
        let delay = random.milliseconds(1...50)
        if fails(8) {
            plan(.templateInspectionFailed(model: model, ControllerError(.startFailed, "no weights")), after: delay)
        } else {
            plan(.templateInspected(model: model, inspection(of: model)), after: delay)
        }
    }

    mutating func prepare(_ order: TemplateOrder) {
        processes[order.process]?.isPreparing = true
        if order.isLoaded { processes[order.process]?.weights = versions[order.model] ?? 0 }
        if fails(4) { return }
        let time = random.milliseconds(order.isLoaded ? 500...8000 : 50...1500)
        if fails(8) {
            plan(.preparationFailed(order.process, reason: "simulated"), after: time)
            return die(order.process, after: time + random.milliseconds(0...50))
        }
        let stages = [StageTime(stage: order.isLoaded ? "load" : "template", milliseconds: time.milliseconds)]
        plan(.prepared(order.process, isLoaded: order.isLoaded, stages: stages), after: time)
    }

    /// Less than was reckoned with, as with engines.
    mutating func measureTemplate(_ id: ProcessID) {
        guard let template = scheduler.models.values.compactMap(\.template).first(where: { $0.process == id }) else {
            return fail("\(id) is measured, and no template")
        }
        if fails(10) { return }
        plan(.templateMeasured(id, bytes: template.footprint * random.number(60...100) / 100), after: .milliseconds(1))
    }

    mutating func suspend(_ id: EngineID) {
        if engines[id]?.inFlight != 0 || engines[id]?.isClosed != true { fail("\(id) is suspended while it serves") }
        answer(id, { .suspended($0, $1) })
    }

    mutating func resume(_ id: EngineID) {
        engines[id]?.isClosed = false
        answer(id, { .resumed($0, $1) })
    }

    private mutating func answer(_ id: EngineID, _ done: (EngineID, Generation) -> SchedulerEvent) {
        guard let generation = scheduler.engines[id]?.generation, !fails(5) else { return }
        let time = random.milliseconds(10...2000)
        plan(fails(10) ? .suspensionFailed(id, generation, reason: "simulated") : done(id, generation), after: time)
    }

    // MARK: What must hold

    /// Before it is carried out.
    mutating func checkTemplate(_ action: SchedulerAction) {
        switch action {
        case .inspectForTemplate(let name):
            if isShuttingDown { fail("\(action) after the shutdown began") }
            guard let model = scheduler.models[name], model.template?.phase == .inspecting, !model.wantsSleep else {
                return
            }
            let coming: [EnginePhase] = [.queued, .placing, .starting, .resuming]
            if scheduler.engines.values.contains(where: { coming.contains($0.phase) }) {
                fail("a template of \(name) is begun while an engine starts")
            }
        case .assign(let assignment): checkWeights(assignment)
        case .completeSleep:
            if !scheduler.models.keys.contains(where: { isAsleep($0) || scheduler.tier(of: $0) == .parked }) {
                fail("\(action), and nothing is asleep")
            }
        case .end(let id) where processes[id]?.role == .template:
            guard let model = scheduler.models.values.first(where: { $0.template?.process == id }) else { return }
            count(model.templateError == nil ? "template given up" : "template failed")
            let engine = model.engines.first {
                scheduler.engines[$0]?.phase == .starting && scheduler.engines[$0]?.template == id
            }
            if model.templateError == nil, let engine { fail("\(id) is ended while \(engine) starts from it") }
        default: break
        }
    }

    /// It may be hot again already, or have to make room in the same step.
    private func isAsleep(_ model: String) -> Bool {
        let engine = scheduler.models[model]?.engine.flatMap { scheduler.engines[$0] }
        let isSuspended = engine.map { [.asleep, .resuming, .stopping].contains($0.phase) } ?? false
        return scheduler.models[model]?.template?.isLoaded == true || isSuspended
    }

    private mutating func checkWeights(_ assignment: EngineAssignment) {
        guard let engine = scheduler.engines[assignment.engine], let seen = engine.fingerprint.flatMap({ Int($0) })
        else {
            return fail("\(assignment.engine) is assigned uninspected")
        }
        for member in [assignment.frontEnd, assignment.core] {
            let record = scheduler.processes[member]
            if record?.template != engine.template { fail("\(member) is not from the engine's template") }
            if let model = record?.model, model != engine.model { fail("\(member) is of another model") }
            if (record?.isLoaded == true) != (engine.startTier == .asleep) { fail("\(member) is of another tier") }
            if record?.isLoaded == true, let held = processes[member]?.weights, held < seen {
                fail("\(member) has old weights")
            }
        }
    }

    /// When nothing is left to happen: every model that can have a template has one, with its processes.
    mutating func checkTemplatesAtRest() {
        for model in scheduler.models.values where model.specification.hasTemplate {
            let hasRoom = scheduler.devices.contains {
                !$0.isCPU
                    || $0.memoryBytes - scheduler.usedBytes($0.id)
                        >= Footprint.template(weightBytes: 0, isLoaded: false)
            }
            guard let template = model.template, template.phase == .ready else {
                if hasRoom { fail("'\(model.specification.name)' has no template, and there is room") }
                continue
            }
            for role in [ProcessRole.frontEnd, .core] {
                let idle = scheduler.processes.values.count {
                    $0.template == template.process && $0.isLoaded == template.isLoaded && $0.role == role
                        && $0.state == .idle
                }
                if idle < scheduler.limits.idleWorkers { fail("\(model.specification.name)'s pool is not full") }
            }
        }
    }
}
