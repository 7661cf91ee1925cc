import NIOCore
import Scheduling

/// Reads the name of the model out of a request's body, whatever form it has, while the body comes in.
struct ModelNameReader {
    private var scanner = JSONModelScanner()
    /// Set where the body is a form and not JSON.
    private let form: FormModelReader?

    /// - Parameter contentTypes: the values of all `Content-Type` headers of the request.
    /// - Throws: the 415, unless there is one of a kind that `body` allows.
    init(contentTypes: [String], for body: OpenAISurface.Body) throws(ErrorResponse) {
        let type = contentTypes.count == 1 ? HeaderParameters(contentTypes[0]) : nil
        if type?.value == "application/json" {
            form = nil
        } else if body == .jsonOrForm, type?.value == "multipart/form-data",
            let boundary = type?.parameters["boundary"], (1...70).contains(boundary.utf8.count)
        {
            form = FormModelReader(boundary: boundary)
        } else {
            let orForm = body == .jsonOrForm ? " or multipart/form-data with a boundary" : ""
            throw ErrorResponse(
                .unsupportedMediaType, "The request's Content-Type must be application/json\(orForm).")
        }
    }

    mutating func consume(_ bytes: ByteBuffer) {
        // A form is small but for its file, and is searched faster at once.
        if form == nil { scanner.consume(bytes) }
    }

    /// - Parameter body: all that was consumed.
    /// - Throws: the 400.
    func finish(body: ByteBuffer) throws(ErrorResponse) -> String {
        if let form {
            do { return try form.model(in: body) } catch { throw Self.refusal(error) }
        }
        do { return try scanner.finish() } catch { throw Self.refusal(error) }
    }

    private static func refusal(_ failure: JSONModelScanner.Failure) -> ErrorResponse {
        switch failure {
        case .notJSON: bad("The request's body is not valid JSON.")
        case .notAnObject: bad("The request's body must be a JSON object.")
        case .noModel: bad("The request names no model: add a top-level \"model\".", parameter: "model")
        case .modelIsNoString: bad("\"model\" must be a string.", parameter: "model")
        case .twoModels: bad("\"model\" stands twice in the request's body.", parameter: "model")
        case .nameTooLong: tooLong
        case .tooDeep: bad("The request's body is nested more than \(JSONModelScanner.depthLimit) levels deep.")
        }
    }

    private static func refusal(_ failure: FormModelReader.Failure) -> ErrorResponse {
        switch failure {
        case .notAForm: bad("The request's body is not the multipart form that its Content-Type says.")
        case .noModel: bad("The form names no model: add a field \"model\".", parameter: "model")
        case .twoModels: bad("The form has two fields \"model\".", parameter: "model")
        case .nameTooLong: tooLong
        }
    }

    private static var tooLong: ErrorResponse {
        bad("The model's name is longer than \(JSONModelScanner.nameLimit) bytes.", parameter: "model")
    }

    private static func bad(_ message: String, parameter: String? = nil) -> ErrorResponse {
        ErrorResponse(.badRequest, message, parameter: parameter)
    }
}
