// Engines that nobody has used for long make way by themselves.

extension Scheduler {
    /// When the engine will have been idle for as long as it may; nil: it may for ever.
    func idleDeadline(of engine: EngineRecord) -> Moment? {
        guard engine.phase == .ready, !isPinned(engine), let timeout = models[engine.model]?.specification.idleTimeout
        else { return nil }
        return max(lastUse(engine), engine.busyAt ?? lastUse(engine)) + timeout
    }

    mutating func expireIdleEngines() {
        let inOrder = enginesInOrder
        for engine in inOrder.filter(isReplica) + inOrder.filter({ !isReplica($0) }) {
            guard let deadline = idleDeadline(of: engine), deadline <= now else { continue }
            guard isIdle(engine) else {
                // The end of its requests is not told: it is looked at again, no later than its time can be over then.
                engines[engine.id]?.busyAt = now
                continue
            }
            // The model stays loaded without it; only its last engine leads to sleep. And a sleep that somebody waits for
            // goes on: it keeps the weights already.
            let isAwake = models[engine.model]?.sleep == nil && !isAnotherReady(besides: engine)
            let isOnCPU = isCPU(engine.device)
            if isAwake, !isOnCPU || engine.worldSize > 0 {
                beginSleep(of: engine.model, for: nil)
                engines[engine.id]?.isToSuspend = true
                engines[engine.id]?.isToPark = isOnCPU
            } else if isAwake, canKeepWeights(of: engine) {
                beginSleep(of: engine.model, for: nil)
            }
            evict(engine.id)
        }
    }

    /// Whether the model's template has the weights, or room for them once its engines are gone. Where nobody knows what
    /// they take, there is none.
    private func canKeepWeights(of engine: EngineRecord) -> Bool {
        guard let model = models[engine.model], let template = model.template, template.phase == .ready,
            let device = devices.first(where: { $0.id == template.device }), device.isCPU
        else { return false }
        if template.isLoaded { return true }
        guard template.weightBytes > 0 || model.measuredFootprint != nil else { return false }
        let freed = engines(of: model).reduce(0) { $0 + $1.bytes(on: device.id) }
        let missing = loadedTemplateBytes(of: model, weightBytes: template.weightBytes, on: device) - template.footprint
        return freeBytes(device) + freed >= missing
    }
}
