import ArgumentParser
import ControllerConfiguration
import Scheduling
import Testing

@testable import worker_controller

struct ExitReasonTests {
    private static func answered(_ code: ControllerError.Code) -> ClientError {
        .answered(httpStatus: code.httpStatus, OpenAIErrorBody(ControllerError(code, "no")).error)
    }

    @Test(arguments: [
        (ClientError.unreachable(.standard), ExitReason.unreachable), (answered(.unknownModel), .refused),
        (answered(.queueFull), .refused), (answered(.startFailed), .failed), (answered(.engineDied), .failed),
        (.failed("stream"), .failed),
    ])
    func clientErrors(error: ClientError, expected: ExitReason) {
        #expect(ExitReason(of: error) == expected)
    }

    @Test func otherErrors() {
        #expect(ExitReason(of: ControllerError(.conflict, "a second controller")) == .failed)
        #expect(throws: ConfigurationErrors.self) { try Configuration.load(path: "/absent/file.yaml") }
        do {
            _ = try Configuration.load(path: "/absent/file.yaml")
        } catch {
            #expect(ExitReason(of: error) == .configuration)
        }
    }

    @Test func argumentParserKeepsItsOwn() {
        #expect(ExitReason(of: ValidationError("no")) == nil)
        #expect(ExitReason(of: CleanExit.helpRequest()) == nil)
        #expect(ExitReason(of: ExitCode(2)) == nil)
    }

    @Test func anUnreachableControllerIsToldHowToGetOne() {
        #expect(
            "\(ClientError.unreachable(.standard))"
                == "no controller at http://127.0.0.1:8000: start one with `worker-controller serve`, or name it with --address"
        )
    }
}
