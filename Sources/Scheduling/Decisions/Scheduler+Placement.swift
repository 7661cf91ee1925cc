// Which device an engine goes to, and who has to make room.

extension Scheduler {
    mutating func placeEngines() {
        guard !isShuttingDown else { return }
        // Memory that engines further up the line wait for is not for those behind them.
        var promised: [DeviceID: Int] = [:]
        var blocked: Set<DeviceID> = []
        for engine in enginesInOrder where engine.phase == .placing {
            guard let model = models[engine.model], let weightBytes = engine.weightBytes else { continue }
            let needs = devices.map { need(of: model, weightBytes: weightBytes, on: $0) }
            guard zip(devices, needs).contains(where: { $0.memoryBytes - pinnedBytes($0.id) >= $1.footprint }) else {
                refuseStart(engine.id, tooLarge(model, needs))
                continue
            }
            let fitting = zip(devices, needs).first {
                !blocked.contains($0.id) && freeBytes($0) - (promised[$0.id] ?? 0) >= $1.footprint
            }
            if let (device, need) = fitting {
                if !lease(engine.id, device, need) { promised[device.id, default: 0] += need.footprint }
            } else if let (device, need) = zip(devices, needs).first(where: {
                !blocked.contains($0.id) && $0.memoryBytes - pinnedBytes($0.id) >= $1.footprint
            }) {
                makeRoom(on: device, bytes: need.footprint, for: engine)
                blocked.insert(device.id)
            }
        }
    }

    struct Need: Sendable {
        let footprint: Int
        let kvCacheBytes: Int
    }

    func need(of model: ModelRecord, weightBytes: Int, on device: DeviceSpecification) -> Need {
        let cache =
            model.specification.kvCacheBytes
            ?? Footprint.defaultKVCacheBytes(deviceBytes: device.memoryBytes, weightBytes: weightBytes)
        return Need(
            footprint: model.measuredFootprint
                ?? Footprint.estimate(weightBytes: weightBytes, kvCacheBytes: cache),
            kvCacheBytes: cache)
    }

    /// What footprints leave of the device. Those that are going count until their processes are gone.
    func freeBytes(_ device: DeviceSpecification) -> Int {
        device.memoryBytes - usedBytes(device.id)
    }

    public func usedBytes(_ device: DeviceID) -> Int {
        engines.values.reduce(0) { $0 + ($1.device == device ? $1.footprint ?? 0 : 0) }
    }

    /// What can not be had by waiting. A pinned model that is being unloaded gives its memory back like any other.
    private func pinnedBytes(_ device: DeviceID) -> Int {
        engines.values.reduce(0) { sum, engine in
            let isPinned = models[engine.model]?.specification.isPinned == true
            let stays = engine.phase != .draining && engine.phase != .stopping
            return sum + (engine.device == device && isPinned && stays ? engine.footprint ?? 0 : 0)
        }
    }

    /// Gives the engine an idle front end and core, if the device has some.
    private mutating func lease(_ id: EngineID, _ device: DeviceSpecification, _ need: Need) -> Bool {
        guard let engine = engines[id], let model = models[engine.model] else { return false }
        let idle = processesInOrder.filter {
            $0.state == .idle && $0.device == device.id && $0.runtime == model.specification.runtime
        }
        guard let frontEnd = idle.first(where: { $0.role == .frontEnd })?.id,
            let core = idle.first(where: { $0.role == .core })?.id
        else { return false }
        processes[frontEnd]?.state = .leased(id)
        processes[core]?.state = .leased(id)
        engines[id]?.phase = .starting
        engines[id]?.startedAt = now
        engines[id]?.device = device.id
        engines[id]?.footprint = need.footprint
        engines[id]?.kvCacheBytes = need.kvCacheBytes
        engines[id]?.frontEnd = frontEnd
        engines[id]?.core = core
        engines[id]?.stages = [StageTime(stage: "lease", milliseconds: (now - engine.queuedAt).milliseconds)]
        actions.append(
            .assign(
                EngineAssignment(
                    engine: id, generation: engine.generation, model: engine.model, device: device.id,
                    frontEnd: frontEnd, core: core, kvCacheBytes: need.kvCacheBytes)))
        return true
    }

    /// Evicts idle engines, least recently used first, until the bytes will be free. If they cannot be had so, asks to be
    /// told when a busy engine is idle; one that is busy all the time has to end what it has after a while, and then goes.
    private mutating func makeRoom(on device: DeviceSpecification, bytes: Int, for wanted: EngineRecord) {
        let here = enginesInOrder.filter { $0.device == device.id }
        let going = here.filter { $0.phase == .draining || $0.phase == .stopping }
        var missing = bytes - freeBytes(device) - going.reduce(0) { $0 + ($1.footprint ?? 0) }
        guard missing > 0 else { return }
        let settled = here.filter { $0.phase == .ready && models[$0.model]?.specification.isPinned == false }
        let idle = settled.filter { isEvictable($0) }.sorted { lastUse($0) < lastUse($1) }
        var victims: [EngineID] = []
        for engine in idle where missing > 0 {
            victims.append(engine.id)
            missing -= engine.footprint ?? 0
        }
        var drained: [EngineID] = []
        if patienceEnd(wanted) <= now {
            // Not one that was given requests a moment ago: those are still on their way to it.
            let busy = settled.filter {
                inFlight($0.id) > 0 && admitted[$0.id] == nil && residentUntil($0) <= now
            }
            for engine in busy.sorted(by: { ($0.readyAt ?? now) < ($1.readyAt ?? now) }) where missing > 0 {
                drained.append(engine.id)
                missing -= engine.footprint ?? 0
            }
        }
        if missing <= 0 {
            for victim in victims { evict(victim) }
            for engine in drained { drain(engine) }
        } else {
            for engine in settled where inFlight(engine.id) > 0 {
                actions.append(.watch(engine.id, below: inFlight(engine.id)))
            }
        }
    }

    private func isEvictable(_ engine: EngineRecord) -> Bool {
        inFlight(engine.id) == 0 && models[engine.model]?.waiting.isEmpty == true
            && residentUntil(engine) <= now
    }

    /// From then on an engine that waits for memory need not wait for others to be idle by themselves.
    func patienceEnd(_ engine: EngineRecord) -> Moment {
        engine.queuedAt + max(limits.queueTimeout / 4, limits.minimumResidency)
    }

    func residentUntil(_ engine: EngineRecord) -> Moment { (engine.readyAt ?? now) + limits.minimumResidency }

    private func lastUse(_ engine: EngineRecord) -> Moment {
        max(engine.readyAt ?? now, usage[engine.id]?.lastUsed ?? engine.readyAt ?? now)
    }

    private func tooLarge(_ model: ModelRecord, _ needs: [Need]) -> ControllerError {
        let sums = zip(devices, needs).map { device, need in
            let pinned = pinnedBytes(device.id)
            return "\(device.id) has \(mebibytes(device.memoryBytes))"
                + (pinned > 0 ? ", of which pinned models hold \(mebibytes(pinned))" : "")
                + ", and \(mebibytes(need.footprint)) are needed (KV cache \(mebibytes(need.kvCacheBytes)))"
        }
        return ControllerError(
            .outOfMemory,
            "'\(model.specification.name)' does not fit: \(sums.joined(separator: "; ")). Give it a smaller "
                + "kv-cache-memory-bytes, or the device more memory.")
    }

    private func mebibytes(_ bytes: Int) -> String { "\((bytes + (1 << 20) - 1) >> 20) MiB" }
}
