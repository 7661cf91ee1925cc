import Hummingbird
import Scheduling
import Testing

@testable import Management

struct AnswerTests {
    @Test func slotsAreKeptAndReused() {
        var slots = WorkerSlots()
        #expect(slots.update(workers: ["p-10", "p-9", "p-2"]) == ["p-2": 0, "p-9": 1, "p-10": 2])
        #expect(slots.update(workers: ["p-10", "p-2"]) == ["p-2": 0, "p-10": 2])
        #expect(slots.update(workers: ["p-2", "p-10", "p-11", "p-12"]) == ["p-2": 0, "p-11": 1, "p-10": 2, "p-12": 3])
        #expect(slots.update(workers: []).isEmpty)
    }

    @Test(arguments: [("ready", "stopping"), ("starting", "starting"), ("down", "down")])
    func healthFollowsTheRuntimes(state: String, expected: String) {
        var status = ControllerStatus.sample
        status.isHealthy = false
        status.runtimes[0].state = state
        let answer = HealthAnswer(status)
        #expect(answer.status == expected)
        #expect(answer.reasons?.count == 1)
    }

    @Test func anIPv6HostIsInBrackets() {
        #expect(PublicAddress(host: "::1", port: 8000).openAIBase == "http://[::1]:8000/v1")
        #expect(PublicAddress(host: "localhost", port: 80).openAIBase == "http://localhost:80/v1")
    }

    @Test func namesAreDecodedOnce() throws {
        #expect(try BasicRequestContext.decode("org%2Fsm%20all%253F") == "org/sm all%3F")
    }

    @Test(arguments: ["%FF", "%", "a%2", "%zz"])
    func aNameThatIsNoTextIsRefused(name: String) {
        let error = #expect(throws: ControllerError.self) { try BasicRequestContext.decode(name) }
        #expect(error?.code == .badRequest)
    }
}
