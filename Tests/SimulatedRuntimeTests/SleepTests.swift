import ControlProtocol
import Testing

extension SimulatedRuntimeTests {
    /// The engine's own sleep, for devices whose memory is not shared by forking.
    @Suite struct SleepTests {
        private static let body = #"{"prompt":"x","max_tokens":1}"#

        private func sleep(
            _ runtime: RuntimeUnderTest, _ process: String = "p-2", counter: Int = RuntimeUnderTest.generation.counter
        ) throws -> ControlMessage {
            try runtime.controller.ask(process) {
                .sleep(
                    Sleep(
                        id: $0, deadlineMilliseconds: 5000, engine: RuntimeUnderTest.engine,
                        generation: WireGeneration(epoch: RuntimeUnderTest.generation.epoch, counter: counter),
                        level: 1))
            }
        }

        private func wake(_ runtime: RuntimeUnderTest) throws -> ControlMessage {
            try runtime.controller.ask("p-2") {
                .wake(
                    Wake(
                        id: $0, deadlineMilliseconds: 5000, engine: RuntimeUnderTest.engine,
                        generation: RuntimeUnderTest.generation))
            }
        }

        @Test func itSleepsAndWakes() throws {
            let runtime = try RuntimeUnderTest()
            try runtime.startEngine(["sim-sleep-ms": 60, "sim-wake-ms": 90])
            try runtime.awaitReady()
            let connection = try HTTPConnection(runtime.socket)
            var start = ContinuousClock.now
            guard case .done = try sleep(runtime) else {
                Issue.record("it does not sleep")
                return
            }
            #expect(ContinuousClock.now - start >= .milliseconds(60))
            // A request now is a mistake of the controller's.
            #expect(try connection.request("POST", "/v1/completions", Self.body).status == 500)

            start = .now
            guard case .done = try wake(runtime) else {
                Issue.record("it does not wake")
                return
            }
            #expect(ContinuousClock.now - start >= .milliseconds(90))
            #expect(try connection.request("POST", "/v1/completions", Self.body).status == 200)
        }

        @Test func onlyTheEngineThatServesSleeps() throws {
            let runtime = try RuntimeUnderTest()
            try runtime.startEngine(["sim-app-ms": 300])
            guard case .failed = try sleep(runtime) else {
                Issue.record("an engine that starts does not sleep")
                return
            }
            try runtime.awaitReady()
            guard case .failed(let failed) = try sleep(runtime, counter: 1) else {
                Issue.record("another generation's engine does not sleep")
                return
            }
            #expect(failed.reason.contains(RuntimeUnderTest.engine))
            guard case .error = try sleep(runtime, "p-3") else {
                Issue.record("a core took it")
                return
            }
            #expect(
                try HTTPConnection(runtime.socket).request("POST", "/v1/completions", Self.body).status == 200)
        }

        @Test func theCacheIsToldApartFromTheRest() throws {
            let bytes = 32 << 20
            let runtime = try RuntimeUnderTest()
            try runtime.startEngine(["sim-cache-bytes": .integer(bytes), "sim-attach-ms": 300])
            #expect(try runtime.ping("p-3").cacheBytes == 0)
            try runtime.awaitReady()
            let core = try runtime.ping("p-3")
            #expect(core.cacheBytes == bytes)
            #expect(try #require(core.privateBytes) >= bytes)
            #expect(try runtime.ping("p-2").cacheBytes == 0)
            #expect(try runtime.ping("p-1").cacheBytes == 0)
        }
    }
}
