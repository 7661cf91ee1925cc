import ControlProtocol
import Foundation
import Testing

extension SimulatedRuntimeTests {
    @Suite struct ReconnectTests {
        @Test func processesDialAgainInTheirPresentStateAndServeMeanwhile() throws {
            let runtime = try RuntimeUnderTest()
            try runtime.startEngine()
            try runtime.awaitReady()
            runtime.controller.close()
            let answer = try HTTPConnection(runtime.socket)
                .request("POST", "/v1/completions", #"{"prompt":"still here"}"#)
            #expect(answer.status == 200)

            try runtime.controller.open()
            #expect(try runtime.hello(from: "p-1").state == .idle)
            for process in ["p-2", "p-3"] {
                let hello = try runtime.hello(from: process)
                #expect(hello.id == 2)
                #expect(hello.state == .assigned)
                #expect(hello.engine == RuntimeUnderTest.engine)
                #expect(hello.generation == RuntimeUnderTest.generation)
                #expect(try runtime.ping(process).re > 0)
            }
        }

        @Test func whatHappenedMeanwhileIsToldToTheNextController() throws {
            let runtime = try RuntimeUnderTest()
            try runtime.startEngine(["sim-load-ms": 300])
            runtime.controller.close()
            try runtime.controller.open()
            try runtime.awaitReady()
            #expect(try runtime.nextStage(of: "p-3").engine == RuntimeUnderTest.engine)
        }

        @Test func withoutAControllerEveryProcessEnds() throws {
            let timeout = 700
            let runtime = try RuntimeUnderTest(orphanTimeoutMilliseconds: timeout)
            let engine = try runtime.startEngine()
            try runtime.awaitReady()
            // Only time without a controller counts.
            let connected = ContinuousClock.now
            while ContinuousClock.now - connected < .milliseconds(2 * timeout) {
                for process in ["p-1", "p-2", "p-3"] { _ = try runtime.ping(process) }
            }
            let alone = ContinuousClock.now
            runtime.controller.close()
            #expect(try runtime.zygoteEnd() == 3)
            #expect(hasEnded(engine.frontEnd))
            #expect(hasEnded(engine.core))
            #expect(ContinuousClock.now - alone >= .milliseconds(timeout))
        }

        @Test func aControllerThatNeverComesIsNotWaitedForForever() throws {
            let runtime = try RuntimeUnderTest(orphanTimeoutMilliseconds: 300)
            runtime.controller.close()
            #expect(try runtime.zygoteEnd() == 3)
        }
    }
}
