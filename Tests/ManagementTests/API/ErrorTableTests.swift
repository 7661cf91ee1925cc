import Foundation
import Scheduling
import Testing

struct ErrorTableTests {
    @Test func everyCodeHasAnErrorStatusThatItsTypeGoesWith() {
        for code in ControllerError.Code.allCases {
            switch code.openAIType {
            case "server_error": #expect((500..<600).contains(code.httpStatus), "\(code)")
            case "rate_limit_error": #expect(code.httpStatus == 429, "\(code)")
            case "permission_error": #expect(code.httpStatus == 403, "\(code)")
            case "invalid_request_error": #expect((400..<500).contains(code.httpStatus), "\(code)")
            default: Issue.record("\(code) has the type \(code.openAIType), which OpenAI's clients do not know")
            }
        }
    }

    @Test func absentFieldsAreNull() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let text = String(
            decoding: try encoder.encode(OpenAIErrorBody(ControllerError(.queueFull, "full"))), as: UTF8.self)
        #expect(
            text == #"{"error":{"code":"queue_full","message":"full","param":null,"type":"rate_limit_error"}}"#)
    }

    @Test func anEnginesErrorIsReadWithItsNumber() throws {
        let text = #"{"error":{"message":"too long","type":"BadRequestError","param":null,"code":400}}"#
        let body = try JSONDecoder().decode(OpenAIErrorBody.self, from: Data(text.utf8))
        #expect(body.error.code == "400")
        #expect(body.error.message == "too long")
    }

    @Test(arguments: [(0, 1), (1, 1), (999, 1), (1000, 1), (1001, 2), (90_000, 90)])
    func retryAfterIsRoundedUp(milliseconds: Int, seconds: Int) {
        #expect(ControllerError(.backingOff, "", retryAfter: .milliseconds(milliseconds)).retryAfterSeconds == seconds)
    }

    @Test func withoutATimeThereIsNoRetryAfter() {
        #expect(ControllerError(.shuttingDown, "").retryAfterSeconds == nil)
    }
}
