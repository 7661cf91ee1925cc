// What is counted against the devices.

extension Scheduler {
    /// The sum of the footprints on the device: of engines, and on a CPU also of templates. Those that are going count
    /// until their processes are gone.
    public func usedBytes(_ device: DeviceID) -> Int {
        let held = engines.values.reduce(0) { $0 + $1.bytes(on: device) }
        return models.values.reduce(held) { $0 + templateBytes($1, on: device) }
    }

    func freeBytes(_ device: DeviceSpecification) -> Int { device.memoryBytes - usedBytes(device.id) }

    /// What the model's template takes of the device. On devices that are no CPU it takes nothing of their own memory.
    func templateBytes(_ model: ModelRecord, on device: DeviceID) -> Int {
        guard let template = model.template, template.device == device, isCPU(device) else { return 0 }
        return template.footprint
    }

    /// What a template of the model takes with the weights in it.
    /// - Parameter weightBytes: 0: their size is not known, as the config names no folder. They are then taken for all
    ///   that an engine was measured to hold beside its KV cache.
    func loadedTemplateBytes(of model: ModelRecord, weightBytes: Int, on device: DeviceSpecification) -> Int {
        let known = Footprint.template(weightBytes: weightBytes, isLoaded: true)
        guard weightBytes == 0, let measured = model.measuredFootprint else { return known }
        return known + max(0, measured - need(of: model, weightBytes: 0, on: device).kvCacheBytes)
    }

    func isCPU(_ device: DeviceID?) -> Bool { devices.contains { $0.id == device && $0.isCPU } }

    /// What the model can not have by waiting: that of pinned models, but not of its own template. A pinned model that is
    /// being unloaded gives its memory back like any other.
    func pinnedBytes(_ device: DeviceID, for name: String) -> Int {
        models.values.reduce(0) { sum, model in
            guard model.specification.isPinned else { return sum }
            // Its replicas go like any other engine.
            let engine = model.engine.flatMap { engines[$0] }
            let held = engine.map { $0.isGoing ? 0 : $0.bytes(on: device) } ?? 0
            // Without weights it is given up like any other.
            let isKept =
                model.specification.name != name && model.template?.isEnding == false
                && model.template?.takesWeights == true
            return sum + held + (isKept ? templateBytes(model, on: device) : 0)
        }
    }

    /// What will be free without anybody's doing.
    func goingBytes(_ device: DeviceID) -> Int {
        models.values.reduce(0) { sum, model in
            let going = engines(of: model).filter(\.isGoing)
            let isGoing = model.template?.isEnding == true || going.contains(where: \.takesTemplate)
            return going.reduce(sum) { $0 + $1.bytes(on: device) }
                + (isGoing ? templateBytes(model, on: device) : 0)
        }
    }

    func mebibytes(_ bytes: Int) -> String { "\((bytes + (1 << 20) - 1) >> 20) MiB" }
}
