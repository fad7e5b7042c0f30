package consulting.lmx.conversation.http;

import consulting.lmx.conversation.problem.NotFoundMapper;
import consulting.lmx.conversation.problem.ServiceException;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.ext.ParamConverter;
import jakarta.ws.rs.ext.ParamConverterProvider;
import jakarta.ws.rs.ext.Provider;
import java.lang.annotation.Annotation;
import java.lang.reflect.Type;
import java.util.Arrays;

/** Reads a whole number of a query, so that one which is none is told by its name; see {@link NotFoundMapper}. */
@Provider
public class IntegerParamConverter implements ParamConverterProvider {

    @Override
    @SuppressWarnings("unchecked")
    public <T> ParamConverter<T> getConverter(Class<T> type, Type genericType, Annotation[] annotations) {
        boolean whole = type == Integer.class || type == int.class;
        return whole ? (ParamConverter<T>) new Converter(name(annotations)) : null;
    }

    private static String name(Annotation[] annotations) {
        return Arrays.stream(annotations)
                .filter(QueryParam.class::isInstance)
                .map(annotation -> ((QueryParam) annotation).value())
                .findFirst()
                .orElse("parameter");
    }

    private record Converter(String name) implements ParamConverter<Integer> {

        @Override
        public Integer fromString(String value) {
            try {
                return Integer.valueOf(value);
            } catch (NumberFormatException e) {
                throw ServiceException.invalid(name, "must be a whole number of 32 bits");
            }
        }

        @Override
        public String toString(Integer value) {
            return value.toString();
        }
    }
}
