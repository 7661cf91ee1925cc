import Foundation
import Scheduling
import Testing

@testable import worker_controller

struct EventLineTests {
    private func line(_ event: ControllerEvent) throws -> String {
        let recorded = RecordedEvent(id: "4-1", time: 3661.25, event: event)
        let data = String(decoding: try JSONEncoder().encode(recorded), as: UTF8.self)
        return try Events.line(
            of: ServerSentEvent(name: event.kind.rawValue, data: data), in: try #require(TimeZone(secondsFromGMT: 0)))
    }

    @Test func whatHappenedToWhatAndWhy() throws {
        #expect(
            try line(
                ControllerEvent(
                    .workerRetired, engine: "e-3", worker: "p-17", slot: 2, device: "cpu:0", runtime: "vllm",
                    cause: "memory", reason: "too much\nsecond line"))
                == "01:01:01.250 worker_retired     e-3 vllm p-17 slot 2 on cpu:0 (memory: too much)")
        #expect(
            try line(
                ControllerEvent(
                    .enginePlaced, engine: "e-3", model: "org/small", workers: ["p-1", "p-2"], device: "cpu:0",
                    tier: .cold, milliseconds: 12.34))
                == "01:01:01.250 engine_placed      e-3 org/small on cpu:0 with p-1, p-2 from cold in 12.3 ms")
        #expect(
            try line(ControllerEvent(.modelTier, model: "org/small", tier: .parked))
                == "01:01:01.250 model_tier         org/small is parked")
        #expect(
            try line(ControllerEvent(.templateReady, model: "a", hasWeights: true))
                == "01:01:01.250 template_ready     a with weights")
    }

    @Test func whatWasMissedIsSaid() throws {
        let event = ServerSentEvent(name: "lagged", data: #"{"event":"lagged","missed":12}"#)
        #expect(try Events.line(of: event) == "(12 events missed: this command did not keep up)")
    }

    @Test func whatMakesNoSenseIsAnError() {
        #expect(throws: ClientError.self) {
            try Events.line(of: ServerSentEvent(name: "alarm", data: #"{"event":"moon_landing","id":"1-1","time":1}"#))
        }
    }
}
