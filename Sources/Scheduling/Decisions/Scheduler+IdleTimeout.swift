// Engines that nobody has used for long make way by themselves.

extension Scheduler {
    /// When the engine will have been idle for as long as it may; nil: it may for ever.
    func idleDeadline(of engine: EngineRecord) -> Moment? {
        guard engine.phase == .ready, let model = models[engine.model]?.specification, !model.isPinned,
            let timeout = model.idleTimeout
        else { return nil }
        return max(lastUse(engine), engine.busyAt ?? lastUse(engine)) + timeout
    }

    mutating func expireIdleEngines() {
        for engine in enginesInOrder {
            guard let deadline = idleDeadline(of: engine), deadline <= now else { continue }
            guard isIdle(engine) else {
                // The end of its requests is not told: it is looked at again, no later than its time can be over then.
                engines[engine.id]?.busyAt = now
                continue
            }
            // A sleep that somebody waits for goes on: it keeps the weights already.
            let isAwake = models[engine.model]?.sleep == nil
            if isAwake, !isCPU(engine.device) {
                beginSleep(of: engine.model, [])
                engines[engine.id]?.isToSuspend = true
            } else if isAwake, canKeepWeights(of: engine) {
                beginSleep(of: engine.model, [])
            }
            evict(engine.id)
        }
    }

    /// Whether the model's template has the weights, or room for them once the engine is gone.
    private func canKeepWeights(of engine: EngineRecord) -> Bool {
        guard let template = models[engine.model]?.template, template.phase == .ready,
            let device = devices.first(where: { $0.id == template.device }), device.isCPU
        else { return false }
        let freed = engine.device == device.id ? engine.footprint ?? 0 : 0
        let missing = Footprint.template(weightBytes: template.weightBytes, isLoaded: true) - template.footprint
        return template.isLoaded || freeBytes(device) + freed >= missing
    }
}
