import Scheduling
import Testing

// What templates do.

extension Harness {
    mutating func inspectTemplate(_ model: String, weightBytes: Int = 0, fingerprint: String = "first") {
        send(.templateInspected(model: model, .weighing(weightBytes, fingerprint: fingerprint)))
    }

    /// The template has done what it was told last.
    @discardableResult
    mutating func finishPreparing(_ model: String) throws -> [SchedulerAction] {
        let order = try #require(actions.orders.last { $0.model == model })
        let stage = StageTime(stage: order.isLoaded ? "load" : "tokenizer", milliseconds: 5)
        return send(.prepared(order.process, isLoaded: order.isLoaded, stages: [stage]))
    }

    /// From the look at the model folder to a template with idle processes.
    @discardableResult
    mutating func makeTemplate(_ model: String, weightBytes: Int = 0) throws -> ProcessID {
        #expect(template(of: model)?.phase == .inspecting)
        inspectTemplate(model, weightBytes: weightBytes)
        let process = try #require(template(of: model)?.process)
        send(.processIdle(process))
        try finishPreparing(model)
        fillPools()
        return process
    }

    /// From a model without an engine to one that is asleep.
    mutating func putToSleep(_ model: String, weightBytes: Int = 0) throws {
        let command = sleep(model)
        inspectTemplate(model, weightBytes: weightBytes)
        try finishPreparing(model)
        fillPools()
        #expect(isAsleep(command))
    }

    /// The engine has nothing in flight, and its processes end.
    mutating func endEngine(_ engine: EngineID) {
        send(.permitReleased(engine))
        endProcesses()
    }
}

/// In bytes.
func mebibytes(_ count: Int) -> Int { count << 20 }
